package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
)

const onePolicy = `version: 1
groups: { engineers: { members: [eng@example.eu] }, board: { members: [ceo@example.eu, cto@example.eu] } }
targets:
  db1.prod: { kind: ssh, address: "10.0.0.5:22", host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", logins: { deploy: { reaches: all } }, owner: eng@example.eu, location: here, labels: { env: prod } }
rules:
  - { name: production shell, permit: [shell, exec], who: { groups: [engineers] }, on: { labels: { env: prod } }, stages: [ { executive: { group: board, count: 1 } } ] }
`

// asked runs what answers /asked on a control socket with these requests, and
// keeps since when it was asked. It returns the folder of the configuration.
func asked(t *testing.T, since *time.Time, all ...approvals.Asking) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lbx") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	conf := "log: l.example\nmode: development\nurl: https://l.example\nssh: { listen: \"127.0.0.1:1\" }\nhttp: { listen: \"127.0.0.1:2\" }\nstore: { bbolt: l.db }\n" +
		"recordings: { dir: r }\nkeys: { dir: k }\npolicy: { dir: p }\ncontrol: c.sock\n"
	for name, text := range map[string]string{"lockbox.yaml": conf, "p/p.yaml": onePolicy, "q/p.yaml": strings.Replace(onePolicy, "count: 1", "count: 2", 1)} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", filepath.Join(dir, "c.sock"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /asked", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Since time.Time }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		*since = in.Since
		if err := json.NewEncoder(w).Encode(all); err != nil {
			t.Error(err)
		}
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }() // it ends by Close
	t.Cleanup(func() { _ = s.Close(); <-done })
	return dir
}

func typed(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

func aPast() approvals.Asking {
	return approvals.Asking{
		Code: "7KQM", At: time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC), Who: policy.Principal{ID: "eng@example.eu", Kind: policy.Staff},
		Do: []policy.Action{policy.Shell, policy.Exec}, On: "db1.prod", Login: "deploy", Reason: "outage", For: time.Hour, Rule: "production shell",
		Stages: []policy.Stage{{Kind: policy.ByExecutive, Group: "board", Count: 1, Of: 2, Expires: 12 * time.Hour}}, Phase: policy.Approved,
	}
}

func TestARequestOfThePastIsExplainedByAnotherPolicy(t *testing.T) {
	var since time.Time
	dir := asked(t, &since, aPast())
	conf := filepath.Join(dir, "lockbox.yaml")
	code, out, errs := typed(t, "policy", "explain", filepath.Join(dir, "q"), "--request", "7kqm", "--config", conf)
	for _, want := range []string{
		"Request 7KQM of eng@example.eu, Wed 18 Nov 2026 12:00 UTC: it took 1 of board, by rule \"production shell\", and is approved.",
		"may ask for shell on db1.prod as deploy: it takes 2 of board", "q/p.yaml:6:5", "exec: the same, by the same rule.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s%s", want, out, errs)
		}
	}
	if code != 0 || !since.IsZero() {
		t.Errorf("exit code %d, asked since %v; want 0, and all of them", code, since)
	}
	if code, _, errs = typed(t, "policy", "explain", filepath.Join(dir, "q"), "--request", "XXXX", "--config", conf); code != exitUsage || !strings.Contains(errs, "knows no request") {
		t.Errorf("an unknown code: exit code %d, %q", code, errs)
	}
}

func TestReplayAsksTheGatewaySavesAndReadsBack(t *testing.T) {
	var since time.Time
	dir := asked(t, &since, aPast())
	conf, file := filepath.Join(dir, "lockbox.yaml"), filepath.Join(dir, "asked.json")
	code, out, _ := typed(t, "policy", "replay", filepath.Join(dir, "p"), "--last", "90d", "--config", conf, "--save", file)
	if code != 0 || !strings.Contains(out, "1 request: all would go as before.") {
		t.Errorf("exit code %d, %q; want 0 and nothing", code, out)
	}
	if age := time.Since(since); age < 90*24*time.Hour || age > 90*24*time.Hour+time.Minute {
		t.Errorf("asked for the last %v, want 90 days", age)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: names are kept from others", info, err)
	}
	if code, _, errs := typed(t, "policy", "replay", filepath.Join(dir, "p"), "--config", conf, "--save", filepath.Join(dir, "p", "p.yaml")); code != exitUsage || !strings.Contains(errs, "is there already") {
		t.Errorf("over a policy file: exit code %d, %q; want 2 and the file as it was", code, errs)
	}
	code, out, _ = typed(t, "policy", "replay", filepath.Join(dir, "q"), "--from", file)
	if code != exitRefused || !strings.Contains(out, "would take more approvals: 2 of board, not 1 of board") {
		t.Errorf("exit code %d, %q; want 1 and more approvals", code, out)
	}
}

// TestWhatARequestSaysDoesNotReachTheTerminal: names and policies come from others.
func TestWhatARequestSaysDoesNotReachTheTerminal(t *testing.T) {
	var since time.Time
	evil := aPast()
	evil.On, evil.Login, evil.Who.ID = "db1.prod\x1b[2J", "x\u202e", "eng\u009b31m@example.eu"
	dir := asked(t, &since, evil)
	_, out, errs := typed(t, "policy", "replay", filepath.Join(dir, "p"), "--config", filepath.Join(dir, "lockbox.yaml"))
	if strings.ContainsAny(out+errs, "\x1b\u202e\u009b") || !strings.Contains(out, "7KQM") {
		t.Errorf("it prints %q", out+errs)
	}
}
