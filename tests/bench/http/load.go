package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What is measured on connections that are kept. On a machine that others use
// the processor time tells more than the rate.
const (
	keepRate = "requests/s, keep-alive"
	allTime  = "with the client's and the target's"
)

var (
	perSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	requests  = regexp.MustCompile(`(\d+) requests in`)
	failures  = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)|Socket errors: connect (\d+), read (\d+), write (\d+)`)
)

// keepAlive has wrk ask for 1 KiB over connections that stay.
func (b *bench) keepAlive(w way) error {
	args := []string{"-t1", fmt.Sprintf("-c%d", b.conns), fmt.Sprintf("-d%ds", max(1, int(b.long.Seconds())))}
	for name, value := range map[string]string{"Host": w.host, "Cookie": w.cookie} {
		if value != "" {
			args = append(args, "-H", name+": "+value)
		}
	}
	before, err := b.spent(w)
	if err != nil {
		return err
	}
	cmd := exec.Command("wrk", append(args, "https://"+w.addr+"/")...)
	out, err := cmd.CombinedOutput()
	m, n := perSecond.FindSubmatch(out), requests.FindSubmatch(out)
	if err != nil || m == nil || n == nil {
		return fmt.Errorf("wrk: %w\n%s", err, out)
	}
	if bad := failures.Find(out); bad != nil {
		return fmt.Errorf("wrk: %s", bad)
	}
	after, err := b.spent(w)
	if err != nil {
		return err
	}
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return err
	}
	count, err := strconv.ParseFloat(string(n[1]), 64)
	if err != nil {
		return err
	}
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / count }
	all := after.way - before.way + cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if w.name != direct {
		all += after.app - before.app
	}
	b.Add(keepRate, w.name, "1/s", rate)
	b.Add("processor time of one, of the way", w.name, "µs", micros(after.way-before.way))
	b.Add(allTime, w.name, "µs", micros(all))
	return nil
}

// connections makes new TLS connections, each for one request, without resumption.
func (b *bench) connections(w way) error {
	var n atomic.Int64
	var first atomic.Pointer[error]
	ctx, stop := context.WithTimeout(context.Background(), b.long)
	defer stop()
	began := time.Now()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := w.once(); err != nil {
					first.CompareAndSwap(nil, &err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	b.Add("new TLS connections/s", w.name, "1/s", float64(n.Load())/time.Since(began).Seconds())
	return nil
}

// once opens a connection and asks once.
func (w way) once() error {
	c, res, err := w.ask("Connection: close\r\n")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("got %s", res.Status))
	}
	return err
}

// ask opens a connection and sends the head of a GET.
func (w way) ask(lines string) (*tls.Conn, *http.Response, error) { return w.send("GET /", lines, "") }

// send opens a connection and sends one request.
func (w way) send(what, lines, body string) (*tls.Conn, *http.Response, error) {
	c, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{"http/1.1"}}) // made for this run
	if err != nil {
		return nil, nil, err
	}
	host := w.host
	if host == "" {
		host = w.addr
	}
	if _, err = fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n%s\r\n%s", what, host, w.cookie, lines, body); err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	return c, res, nil
}

// idle opens WebSockets through the gateway, and tells what each takes of its memory.
func (b *bench) idle() error {
	if err := b.gate.Tell("collect"); err != nil {
		return err
	}
	before, err := b.gate.RSS()
	if err != nil {
		return err
	}
	var open []*tls.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close() // the bench is over
		}
	}()
	w := b.way(gate)
	for i := range b.sockets {
		w.cookie = b.hello.Cookies[i%len(b.hello.Cookies)]
		c, res, err := w.ask(strings.Join([]string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Origin: https://" + w.host, ""}, "\r\n"))
		if err != nil {
			return fmt.Errorf("WebSocket %d: %w", i, err)
		}
		open = append(open, c)
		if res.StatusCode != http.StatusSwitchingProtocols {
			return fmt.Errorf("WebSocket %d: got %s", i, res.Status)
		}
	}
	for range 3 { // as heap.Keep does at rest: a stack shrinks by half at each
		if err := b.gate.Tell("collect"); err != nil {
			return err
		}
	}
	after, err := b.gate.RSS()
	if b.heap != "" {
		err = errors.Join(err, b.gate.Tell("heap "+b.heap), b.gate.Tell("memory "+b.heap+".json"), b.gate.Tell("stacks "+b.heap+".stacks"))
	}
	b.Add(fmt.Sprintf("memory of one of %d idle WebSockets", b.sockets), gate, "KiB", float64(after-before)/float64(b.sockets))
	return err
}
