package sshproxy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/tests/world"
)

func (h *house) knock(who *world.Human, login string) gateway.Knock {
	return gateway.Knock{
		Who: who.Principal, Key: ssh.FingerprintSHA256(who.SSH.PublicKey()), From: netip.MustParseAddr("127.0.0.1"),
		Do: policy.Shell, On: "db1.prod", Login: login,
	}
}

func TestTheWholeWayIn(t *testing.T) {
	h := newHouse(t)
	f := onScreen(t, h.dial(t, login, h.Eng), "")
	f.expect(`lockbox · db1\.prod · support_nord`)
	f.expect(`You are Eng \(key SHA256:`)
	f.expect(`Customer data: Nord Legal\. Approval: a board member, then Nord Legal\.`)
	f.expect(`1  customer-case`)
	f.expect(`Kind of reason`)
	f.send("outage\r")
	f.expect(`Reason`)
	f.send("too short\r")
	f.expect(`How long  \(at most 4h\) \[1h\]`)
	f.send("9h\r")
	f.expect(`Write a time such as 30m`)
	f.send("30m\r")
	f.expect(`Send the request`)
	f.send("y\r")
	f.expect(`at least 10 characters`)
	f.expect(`Reason.*\[too short\]`)
	f.send("INC-4312: contract stuck in state 7\r")
	f.expect(`How long.*\[30m\]`)
	f.send("\r")
	f.expect(`Send the request`)
	f.send("\r")
	code := f.expect(`sent .* as request ([0-9A-Z]+)`)[1]
	f.expect(`waiting for a board member`)
	if err := h.Approve(t, h.Ceo, code); err != nil {
		t.Fatal(err)
	}
	f.expect(`Ceo approved for 30m`)
	f.expect(`waiting for Nord Legal`)
	f.send("rm -rf /\r") // typed too early: it must not reach the target
	if err := h.Approve(t, h.Ann, code); err != nil {
		t.Fatal(err)
	}
	f.expect(`Ann \(Nord Legal\) approved for 30m`)
	h.touchShown(t, f, h.Eng)
	f.expect(`touched`)
	f.expect(`─ db1\.prod · grant ` + code + ` · 30:00 left \(starts now\)`)
	f.expect(`This session is recorded\.`)
	f.send("echo $((6*7)) $USER; exit 5\n")
	f.expect(`42 support_nord`)
	if got := f.wait(10 * time.Second); got != 5 {
		t.Errorf("exit status %d, want 5", got)
	}
	if text, _ := f.read(); strings.Contains(text, "rm -rf") {
		t.Error("what was typed while waiting reached the target")
	}
}
