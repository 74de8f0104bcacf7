package sshproxy

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// TestB06WhatIsSaidOfAProgramCarriesNothingUnrecorded: a target that somebody
// changed, and a client that listens, have no way past the record.
func TestB06WhatIsSaidOfAProgramCarriesNothingUnrecorded(t *testing.T) {
	dump := "DUMP" + strings.Repeat("x", 32<<10)
	status := append(ssh.Marshal(struct{ N uint32 }{3}), dump...)
	signal := ssh.Marshal(ending{"TERM", false, dump, dump})
	h, target := stubHouse(t, func(ch ssh.Channel, r *ssh.Request) {
		_, _ = ch.SendRequest("eow@openssh.com", false, []byte(dump))
		_, _ = ch.SendRequest("xon-xoff", false, []byte(dump))
		_, _ = ch.SendRequest("exit-status", false, status)
		_, _ = ch.SendRequest("exit-signal", false, signal)
		_ = ch.CloseWrite()
		<-time.After(300 * time.Millisecond)
		_ = ch.Close()
	})
	code := h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ C string }{"x"})); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"signal", "break", "eow@openssh.com"} {
		if _, err := ch.SendRequest(kind, false, append(ssh.Marshal(struct{ S string }{"TERM"}), dump...)); err != nil {
			t.Fatal(err)
		}
	}
	heard, text := 0, ending{}
	for q := range requests {
		if len(q.Payload) > 1100 {
			t.Errorf("%d bytes came with %s", len(q.Payload), q.Type)
		}
		heard++
		if q.Type == "exit-signal" {
			if err := ssh.Unmarshal(q.Payload, &text); err != nil || text.Name != "TERM" {
				t.Errorf("got %+v, %v", text, err)
			}
		}
	}
	for _, r := range target.seen() {
		if len(r) > 100 {
			t.Errorf("the target got %d bytes with %.10q", len(r), r)
		}
	}
	_ = c.Close()
	if marks := recorded(t, h.recording(t, code), "exec0", "m"); heard == 0 || text.Text == "" || !bytes.Contains(marks, []byte(text.Text[:400])) {
		t.Errorf("%d requests; what came of the text is not in the record: %.60q", heard, marks)
	}
}
