package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"lockbox/gateway/identity"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// an ssh-agent of the library's, at SSH_AUTH_SOCK.
func newAgent(t *testing.T) agent.Agent {
	t.Helper()
	keys := agent.NewKeyring()
	at := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(keys, c)
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	t.Setenv("SSH_AUTH_SOCK", at)
	return keys
}

// watched runs a command and gives what it writes for people as it comes.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() {
		select {
		case w.more <- struct{}{}:
		default:
		}
	}()
	return w.text.Write(b)
}

// find waits until a form is written.
func (w *watched) find(t *testing.T, form string) string {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		w.mu.Lock()
		m := regexp.MustCompile(form).FindStringSubmatch(w.text.String())
		w.mu.Unlock()
		if m != nil {
			return m[1]
		}
		select {
		case <-w.more:
		case <-late:
			t.Fatalf("it never wrote %s: %s", form, w.text.String())
		}
	}
}

// started runs a command beside the test.
func started(ctx context.Context, args ...string) (*watched, func() ran) {
	w := &watched{more: make(chan struct{}, 1)}
	var got ran
	var wg sync.WaitGroup
	wg.Go(func() { got = runWith(ctx, w, args...) })
	return w, func() ran { wg.Wait(); return got }
}

// answers types the number and touches the passkey of h.
func (r *remote) answers(h *world.Human, w *watched) {
	r.t.Helper()
	code, number := w.find(r.t, `/l/([0-9A-Z]{8})\n`), w.find(r.t, `number (\d\d)`)
	ask, err := r.People.PrepareLogin(r.t.Context(), h.ID, code, number)
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := json.Marshal(r.Sign(r.t, h, statement.ForLogin, ask.Text))
	if err == nil {
		err = r.People.LogIn(r.t.Context(), h.ID, ask.ID, b)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *remote) holdsKey(h *world.Human, key ssh.PublicKey) (ok bool) {
	r.t.Helper()
	err := r.Ledger.View(r.t.Context(), func(tx *ledger.Tx) (err error) {
		ok, err = r.People.HoldsKey(tx, h.ID, ssh.FingerprintSHA256(key))
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return ok
}

func TestALoginIsInTheAgentUntilTheLogout(t *testing.T) {
	r, keys := newRemote(t), newAgent(t)
	t.Setenv("LOCKBOX_TOKEN", "")
	w, done := started(t.Context(), "login", "--for", "1h")
	r.answers(r.Eng, w)
	done().want(t, 0, "you are Eng", "until", "in your ssh-agent")
	all, err := keys.List()
	if err != nil || len(all) != 1 || !strings.HasPrefix(all[0].Comment, "lockbox 127.0.0.1") {
		t.Fatalf("the agent has %v, %v", all, err)
	}
	c, err := certificateOf(all[0].String())
	if err != nil {
		t.Fatal(err)
	}
	if who, err := r.People.ByCertificate(t.Context(), c, netip.MustParseAddr("127.0.0.1")); err != nil || who.ID != r.Eng.ID {
		t.Errorf("got %q, %v", who.ID, err)
	}
	run(t, "logout").want(t, 0, "logged out of 127.0.0.1")
	if all, err := keys.List(); err != nil || len(all) != 0 || r.holdsKey(r.Eng, c.Key) {
		t.Errorf("after the logout: %v, %v", all, err)
	}
	run(t, "logout").want(t, exitDenied, "there is no login")
}

func TestALoginInFiles(t *testing.T) {
	r := newRemote(t)
	t.Setenv("SSH_AUTH_SOCK", "")
	run(t, "login").want(t, exitUsage, "ssh-agent", "--out")
	file := filepath.Join(t.TempDir(), "key")
	w, done := started(t.Context(), "login", "--out", file, "--json")
	r.answers(r.Eng, w)
	got := done().want(t, 0)
	var said loginSaid
	if err := json.Unmarshal([]byte(got.out), &said); err != nil || said.Who != r.Eng.ID || said.Until.IsZero() {
		t.Errorf("got %s: %v", got.out, err)
	}
	for _, name := range []string{file, file + "-cert.pub"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	w, done = started(t.Context(), "login", "--out", file) // over the one before
	r.answers(r.Eng, w)
	done().want(t, 0, "ssh -i "+file)
	run(t, "logout", "--out", file).want(t, 0, "logged out")
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is still there: %v", err)
	}
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, done = started(t.Context(), "login", "--out", file)
	done().want(t, exitUsage, "is there already")
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" || strings.Contains(w.text.String(), "/l/") {
		t.Errorf("got %q, %v; it must refuse before anybody touches", b, err)
	}
}

func TestALoginThatNobodyGives(t *testing.T) {
	r := newRemote(t)
	newAgent(t)
	w, done := started(t.Context(), "login")
	code := w.find(t, `/l/([0-9A-Z]{8})\n`)
	for range 3 {
		_, err := r.People.PrepareLogin(t.Context(), r.Eng.ID, code, "00")
		if refused := new(identity.Refusal); !errors.As(err, &refused) {
			t.Fatal(err)
		}
	}
	done().want(t, exitDenied, "three times", "somebody else has the link")
	ctx, stop := context.WithCancel(t.Context())
	w, done = started(ctx, "login")
	w.find(t, `/l/([0-9A-Z]{8})\n`)
	stop()
	done().want(t, exitPending, "nobody is logged in")
	run(t, "login", "--for", "9h").want(t, exitDenied, "1m to 8h")
	run(t, "login", "--gateway", "http://example.eu").want(t, exitUsage, "https://")
	r.Close()
	run(t, "login").want(t, exitUnavailable, "does not answer")
}

// TestTheAgentsOtherKeysStay: a logout signs with nothing, and takes away nothing, that no login made.
func TestTheAgentsOtherKeysStay(t *testing.T) {
	newRemote(t)
	keys := newAgent(t)
	if err := keys.Add(agent.AddedKey{PrivateKey: newKey(t), Comment: "lockbox 127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	run(t, "logout").want(t, exitDenied, "there is no login")
	if all, err := keys.List(); err != nil || len(all) != 1 {
		t.Errorf("got %v, %v", all, err)
	}
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
