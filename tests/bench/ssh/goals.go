package main

import (
	"os/exec"
	"strings"

	"lockbox/tests/bench/figures"
)

// The ways to a target.
const (
	direct  = figures.Direct
	gate    = figures.Gateway
	without = "gateway, not recording"
	naive   = "naive"
)

func goals() []figures.Goal {
	return []figures.Goal{
		{What: "set-up, OpenSSH, curve25519 on both", Beside: direct, Must: 0.65},
		{What: "set-up, OpenSSH, as each likes", Beside: direct, Must: 0.65},
		{What: "set-up, Go client", Beside: direct, Must: 0.65},
		{What: "bulk down, AES-GCM", Beside: direct, Must: 0.70, More: true},
		{What: "bulk up, AES-GCM", Beside: direct, Must: 0.55, More: true},
		{What: "gateway CPU per GiB down", Beside: naive, Must: 0.85},
		{What: "gateway CPU per GiB up", Beside: naive},
		{What: "keystroke p50, idle", Beside: direct, Must: 1.6},
		{What: "keystroke p99, idle", Beside: direct, Must: 1.6},
		{What: "keystroke p50, during bulk", Beside: direct},
		{What: "keystroke p99, during bulk", Beside: direct, Must: 2.5},
		{What: "sessions, 8 clients", Beside: direct, Must: 1.2, More: true},
		{What: "gateway CPU per session", Must: 2.5},
		{What: "memory of an idle recorded pty session", Must: 180},
	}
}

func sshVersion() string {
	b, _ := exec.Command("ssh", "-V").CombinedOutput() // without ssh nothing here works, and says so
	v, _, _ := strings.Cut(string(b), ",")
	return v
}
