package main

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// passwords is a file with the one of who uses oauth2-proxy.
func (b *bench) passwords() string {
	sum := sha1.Sum([]byte("password")) // its format
	if err := os.WriteFile(b.file("htpasswd"), fmt.Appendf(nil, "ane:{SHA}%s\n", base64.StdEncoding.EncodeToString(sum[:])), 0o600); err != nil {
		log.Fatal(err)
	}
	return b.file("htpasswd")
}

// enter waits until a peer answers; at oauth2-proxy it signs in.
func (w *way) enter() error {
	if w.name != oauth2 {
		return w.answers()
	}
	end := time.Now().Add(10 * time.Second)
	for {
		cookie, err := w.signIn()
		if err == nil {
			w.cookie = cookie
			return w.answers()
		}
		if time.Now().After(end) {
			return err
		}
		<-time.After(50 * time.Millisecond)
	}
}

func (w *way) signIn() (cookie string, err error) {
	form := url.Values{"username": {"ane"}, "password": {"password"}}.Encode()
	c, res, err := w.send("POST /oauth2/sign_in", "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "+strconv.Itoa(len(form))+"\r\n", form)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	var all []string
	for _, one := range res.Cookies() {
		if one.Value != "" {
			all = append(all, one.Name+"="+one.Value)
		}
	}
	if len(all) == 0 {
		said, _ := io.ReadAll(io.LimitReader(res.Body, 200)) // what there is
		return "", fmt.Errorf("sign in: %s: %s", res.Status, said)
	}
	return strings.Join(all, "; "), nil
}
