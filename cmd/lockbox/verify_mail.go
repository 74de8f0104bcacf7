package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"

	"lockbox/recorder/proof"
)

var errNoMail = errors.New("there is no checkpoint in it")

// mailed is the checkpoint at the foot of a mail, saved whole or its text alone.
func mailed(data []byte) ([]byte, error) {
	text := string(data)
	if m, err := mail.ReadMessage(bytes.NewReader(data)); err == nil && m.Header.Get("Content-Type") != "" {
		b, err := textIn(textproto.MIMEHeader(m.Header), m.Body, 3)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	return noteIn(text)
}

// textIn is the first plain text of a mail, or of a part of it.
func textIn(h textproto.MIMEHeader, body io.Reader, deep int) ([]byte, error) {
	kind, with, err := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case err != nil:
		return nil, err
	case kind == "text/plain":
		switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		return io.ReadAll(io.LimitReader(body, maxReceipt))
	case !strings.HasPrefix(kind, "multipart/") || deep == 0:
		return nil, errNoMail
	}
	parts := multipart.NewReader(body, with["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			return nil, errNoMail
		}
		if b, err := textIn(p.Header, p, deep-1); err == nil {
			return b, nil
		}
	}
}

// noteIn is the first checkpoint in a text: a paragraph, and one of lines of signatures
// after it. What a program for mail puts before the lines is not signed.
func noteIn(text string) ([]byte, error) {
	var paragraphs []string
	var last strings.Builder
	for line := range strings.SplitSeq(text+"\n\n", "\n") {
		if line = strings.Trim(line, " \t\r>"); line != "" {
			last.WriteString(line + "\n")
		} else if last.Len() > 0 {
			paragraphs = append(paragraphs, last.String())
			last.Reset()
		}
	}
	for i := 1; i < len(paragraphs); i++ {
		if !strings.HasPrefix(paragraphs[i], "— ") {
			continue
		}
		b := []byte(paragraphs[i-1] + "\n" + paragraphs[i])
		if _, err := proof.Peek(b); err == nil {
			return b, nil
		}
	}
	return nil, errNoMail
}
