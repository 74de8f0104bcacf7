package sshproxy

import (
	"io"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// TestA11WhatAClientDidNotTakeBeforeARevocationItDoesNotGetAfter: a client
// leaves a write of the gateway half done, and makes room for the rest once its
// grant is revoked.
func TestA11WhatAClientDidNotTakeBeforeARevocationItDoesNotGetAfter(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	h, _ := stubHouse(t, busy(new(canary), stop))
	code := h.granted(t, h.Eng, time.Hour)
	c := h.dial(t, login, h.Eng)
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	if _, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ C string }{"busy"})); err != nil {
		t.Fatal(err)
	}
	<-time.After(500 * time.Millisecond) // the window fills
	if err := h.Desk.Revoke(t.Context(), h.Ceo.Principal, code, ""); err != nil {
		t.Fatal(err)
	}
	<-time.After(100 * time.Millisecond) // it has ended
	from := time.Now()
	n, _ := io.Copy(io.Discard, ch)
	if window := int64(2 << 20); n > window {
		t.Errorf("%d bytes passed after the revocation", n-window)
	}
	_ = c.Wait()
	if took := time.Since(from); took > time.Second {
		t.Errorf("the connection ended %s later", took)
	}
}
