package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// logins is a world with a people CA and eng, who has a passkey.
func logins(t *testing.T) (*world, *device, Enrolled) {
	w := newWorld(t)
	w.PeopleCA = signer(t)
	ceo, _ := w.ceo()
	d, e := w.eng(ceo, "")
	return w, d, e
}

func signer(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// begin lets a new terminal wait.
func (w *world) beginLogin(life time.Duration) (Begun, ssh.PublicKey) {
	w.t.Helper()
	line, key := sshLine(w.t)
	b, err := w.BeginLogin(w.t.Context(), here, line, life)
	w.must(err)
	return b, key
}

// logIn takes a terminal through to its certificate.
func (w *world) logIn(d *device, who string, life time.Duration) *ssh.Certificate {
	w.t.Helper()
	b, _ := w.beginLogin(life)
	ask, err := w.PrepareLogin(w.t.Context(), who, b.Code, b.Number)
	w.must(err)
	w.must(w.LogIn(w.t.Context(), who, ask.ID, d.get(ask.Options)))
	out, err := w.AwaitLogin(w.t.Context(), b.Secret)
	w.must(err)
	if out.State != LoginGiven || out.Who.ID != who {
		w.t.Fatalf("got %+v", out)
	}
	k, _, _, _, err := ssh.ParseAuthorizedKey(out.Certificate)
	w.must(err)
	return k.(*ssh.Certificate)
}

func (w *world) shows(c *ssh.Certificate, from string) (policy.Principal, error) {
	return w.ByCertificate(w.t.Context(), c, netip.MustParseAddr(from))
}

func (w *world) holds(who string, key ssh.PublicKey) (ok bool) {
	w.t.Helper()
	w.must(w.Ledger.View(w.t.Context(), func(tx *ledger.Tx) (err error) {
		ok, err = w.HoldsKey(tx, who, ssh.FingerprintSHA256(key))
		return err
	}))
	return ok
}

func (w *world) signedLogins(who string, key ssh.PublicKey) (all []statement.Login, hardware bool) {
	w.t.Helper()
	w.must(w.Ledger.View(w.t.Context(), func(tx *ledger.Tx) (err error) {
		all, hardware, err = w.Logins(tx, who, ssh.FingerprintSHA256(key))
		return err
	}))
	return all, hardware
}

func TestALoginIsACertificateForOnePersonFromOnePlaceForAWhile(t *testing.T) {
	w, d, e := logins(t)
	b, key := w.beginLogin(0)
	if len(b.Code) != 8 || len(b.Number) != 2 || b.Life != 15*time.Minute {
		t.Errorf("got %+v", b)
	}
	seen, err := w.WaitingLogin(b.Code)
	w.must(err)
	if seen.Source != here.Source || seen.Key != ssh.FingerprintSHA256(key) {
		t.Errorf("the page shows %+v", seen)
	}
	ask, err := w.PrepareLogin(t.Context(), e.ID, b.Code, " "+b.Number+" ")
	w.must(err)
	said, err := statement.ParseLogin(ask.Text)
	w.must(err)
	if said.Person != e.ID || said.Key != seen.Key || said.Source != here.Source || said.Log != "lockbox.test" || len(said.Nonce) != 32 {
		t.Errorf("got %+v", said)
	}
	w.must(w.LogIn(t.Context(), e.ID, ask.ID, d.get(ask.Options)))
	out, err := w.AwaitLogin(t.Context(), b.Secret)
	w.must(err)
	k, _, _, _, err := ssh.ParseAuthorizedKey(out.Certificate)
	w.must(err)
	c := k.(*ssh.Certificate)
	if len(c.ValidPrincipals) != 1 || c.ValidPrincipals[0] != e.ID || len(c.Extensions) != 0 || len(c.CriticalOptions) != 1 ||
		c.CriticalOptions["source-address"] != here.Source || c.ValidBefore != uint64(w.now().Add(15*time.Minute).Unix()) {
		t.Errorf("got %+v", c)
	}
	who, err := w.shows(c, here.Source)
	if err != nil || who.ID != e.ID || !w.holds(e.ID, key) || w.holds("ceo@example.eu", key) {
		t.Errorf("got %+v, %v", who, err)
	}
	_, err = w.BySSHKey(t.Context(), key)
	wantRefusal(t, err, "nobody has this key")
	for _, again := range []func() error{
		func() error { return w.LogIn(t.Context(), e.ID, ask.ID, d.get(ask.Options)) },
		func() error { _, err := w.PrepareLogin(t.Context(), e.ID, b.Code, b.Number); return err },
		func() error { _, err := w.WaitingLogin(b.Code); return err },
	} {
		if again() == nil {
			t.Error("a login can be used twice")
		}
	}
	_, err = w.BeginSSHKey(t.Context(), e.ID, string(ssh.MarshalAuthorizedKey(key)))
	w.must(err) // it is theirs to enrol, by another signature
}

func TestWhenALoginCountsNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*world, *device, Enrolled, *ssh.Certificate)
		want error
		kept bool // sessions that are open go on
	}{
		"its time is up": {func(w *world, _ *device, _ Enrolled, _ *ssh.Certificate) { w.pass(15 * time.Minute) }, ErrLoginOver, true},
		"it was ended": {func(w *world, _ *device, e Enrolled, c *ssh.Certificate) {
			w.must(w.EndLogin(w.t.Context(), e.ID, ssh.FingerprintSHA256(c.Key)))
		}, ErrLoginEnded, false},
		"the person was signed out": {func(w *world, _ *device, e Enrolled, _ *ssh.Certificate) {
			w.must(w.RevokeAll(w.t.Context(), "op@example.eu", e.ID))
		}, ErrLoginEnded, false},
		"a copy of the passkey was seen": {func(w *world, d *device, e Enrolled, _ *ssh.Certificate) {
			d.cred.Counter = 3
			_, _, err := w.signIn(d)
			w.must(err)
			_, _, err = w.signIn(d)
			wantRefusal(w.t, err, "locked")
		}, ErrLoginEnded, false},
		"the ledger was restored": {func(w *world, _ *device, _ Enrolled, _ *ssh.Certificate) {
			w.must(w.Ledger.Update(w.t.Context(), func(tx *ledger.Tx) error { return w.EndAll(tx, "restored") }))
		}, ErrLoginEnded, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, d, e := logins(t)
			cert := w.logIn(d, e.ID, 0)
			c.end(w, d, e, cert)
			if _, err := w.shows(cert, here.Source); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if all, _ := w.signedLogins(e.ID, cert.Key); w.holds(e.ID, cert.Key) || (len(all) == 1) != c.kept {
				t.Errorf("got %v; want sessions to go on: %v", all, c.kept)
			}
		})
	}
}

func TestALoginCountsFromItsAddress(t *testing.T) {
	w, d, e := logins(t)
	c := w.logIn(d, e.ID, time.Hour)
	_, err := w.shows(c, "203.0.113.8")
	if !errors.Is(err, ErrLoginElsewhere) {
		t.Errorf("got %v", err)
	}
	if _, err := w.shows(c, "::ffff:203.0.113.7"); err != nil {
		t.Errorf("the same address, written as IPv6: %v", err)
	}
	w.pass(time.Hour + loginKept)
	w.must(w.Sweep(t.Context()))
	if n := w.kinds("login.forgotten"); n != 1 {
		t.Errorf("%d were forgotten", n)
	}
}

// TestA42ALinkAloneLogsNobodyIn: whoever started it has to have the number typed
// by the person whom they sent the link.
func TestA42ALinkAloneLogsNobodyIn(t *testing.T) {
	w, d, e := logins(t)
	b, _ := w.beginLogin(0)
	wrong := "10"
	if b.Number == wrong {
		wrong = "11"
	}
	for _, want := range []string{"2 tries left", "1 tries left", "third wrong number"} {
		_, err := w.PrepareLogin(t.Context(), e.ID, b.Code, wrong)
		wantRefusal(t, err, want)
	}
	if _, err := w.PrepareLogin(t.Context(), e.ID, b.Code, b.Number); !errors.Is(err, ErrNoLogin) {
		t.Errorf("a fourth try: %v", err)
	}
	if out, err := w.AwaitLogin(t.Context(), b.Secret); err != nil || out.State != LoginVoid || out.Certificate != nil {
		t.Errorf("the terminal gets %+v, %v", out, err)
	}
	if w.kinds("login.wrong-number") != 2 || w.kinds("login.void") != 1 {
		t.Error("the wrong numbers are not in the log")
	}
	for name, sign := range map[string]func(Ask, Begun) error{
		"another person's passkey": func(a Ask, _ Begun) error {
			return w.LogIn(t.Context(), e.ID, a.ID, newDevice(t, virtualwebauthn.KeyTypeEC2).get(a.Options))
		},
		"another person": func(a Ask, _ Begun) error { return w.LogIn(t.Context(), "ceo@example.eu", a.ID, d.get(a.Options)) },
		"a touch": func(a Ask, _ Begun) error {
			return w.LogIn(t.Context(), e.ID, a.ID, wire(d.sign(statement.ForTouch, a.Text)))
		},
		"nothing": func(a Ask, _ Begun) error { return w.LogIn(t.Context(), e.ID, a.ID, nil) },
		"too late": func(a Ask, _ Begun) error {
			w.pass(ceremonyLife)
			return w.LogIn(t.Context(), e.ID, a.ID, d.get(a.Options))
		},
	} {
		b, key := w.beginLogin(0)
		ask, err := w.PrepareLogin(t.Context(), e.ID, b.Code, b.Number)
		w.must(err)
		if sign(ask, b) == nil || w.holds(e.ID, key) {
			t.Errorf("%s logs in", name)
		}
		w.pass(time.Minute) // what a source may do comes back
	}
}

func TestATerminalHearsAtOnceAndOnlyByItsSecret(t *testing.T) {
	w, d, e := logins(t)
	b, _ := w.beginLogin(0)
	got := make(chan Outcome, 1)
	go func() {
		out, err := w.AwaitLogin(t.Context(), b.Secret)
		if err != nil {
			t.Error(err)
		}
		got <- out
	}()
	done, stop := context.WithCancel(t.Context())
	stop()
	if out, err := w.AwaitLogin(done, b.Secret); err != nil || out.State != LoginWaits {
		t.Errorf("who does not wait gets %+v, %v", out, err)
	}
	for _, secret := range []string{"", b.Code, b.Secret + "x"} {
		if _, err := w.AwaitLogin(t.Context(), secret); !errors.Is(err, ErrNoLogin) {
			t.Errorf("%q: %v", secret, err)
		}
	}
	ask, err := w.PrepareLogin(t.Context(), e.ID, b.Code, b.Number)
	w.must(err)
	w.must(w.LogIn(t.Context(), e.ID, ask.ID, d.get(ask.Options)))
	if out := <-got; out.State != LoginGiven {
		t.Errorf("got %+v", out)
	}
	w.pass(loginWait)
	if _, err := w.AwaitLogin(t.Context(), b.Secret); !errors.Is(err, ErrNoLogin) {
		t.Errorf("after its time: %v", err)
	}
}

func TestWhatATerminalMayAskFor(t *testing.T) {
	w, d, e := logins(t)
	line, key := sshLine(t)
	for _, c := range []struct {
		line string
		life time.Duration
		want string
	}{
		{line, time.Second, "lasts 1m to 8h"}, {line, 8*time.Hour + time.Second, "lasts"}, {line, 90*time.Second + 1, "lasts"},
		{"", 0, "paste one line"}, {ecdsaLine(t), 0, "ssh-ed25519"},
		{string(ssh.MarshalAuthorizedKey(w.logIn(d, e.ID, 0))), 0, "type of key"},
	} {
		_, err := w.BeginLogin(t.Context(), here, c.line, c.life)
		wantRefusal(t, err, c.want)
	}
	w.pass(time.Minute)
	ask, err := w.BeginSSHKey(t.Context(), e.ID, line)
	w.must(err)
	_, err = w.AddSSHKey(t.Context(), ask.ID, d.get(ask.Options))
	w.must(err)
	b, err := w.BeginLogin(t.Context(), here, line, 0)
	w.must(err)
	ask, err = w.PrepareLogin(t.Context(), e.ID, b.Code, b.Number)
	w.must(err)
	wantRefusal(t, w.LogIn(t.Context(), e.ID, ask.ID, d.get(ask.Options)), "enrolled already") // a key in a file is not made for a login
	if len(first(w.signedLogins(e.ID, key))) != 0 {
		t.Error("it logs in")
	}
	w.PeopleCA = nil
	_, err = w.BeginLogin(t.Context(), here, line, 0)
	wantRefusal(t, err, "no logins")
}

func first[A, B any](a A, _ B) A { return a }

func TestHowManyTerminalsWait(t *testing.T) {
	w, _, _ := logins(t)
	line, _ := sshLine(t)
	n := 0
	for ; n < 2*waitingEach; n++ {
		if _, err := w.BeginLogin(t.Context(), here, line, 0); err != nil {
			wantRefusal(t, err, "")
			break
		}
		w.pass(10 * time.Second)
	}
	if n != waitingEach {
		t.Errorf("%d wait, of one source", n)
	}
	if _, err := w.BeginLogin(t.Context(), Meta{Source: "198.51.100.9"}, line, 0); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	full := &terminals{}
	var err error
	for i := range maxWaiting + 1 {
		err = full.put(w.now(), &waiter{Waiting: Waiting{Code: fmt.Sprint(i), Source: fmt.Sprint(i), Until: w.now().Add(time.Minute)}, secret: fmt.Sprint(i)})
	}
	wantRefusal(t, err, "too many")
	w.must(full.put(w.now().Add(time.Minute), &waiter{Waiting: Waiting{Code: "x", Until: w.now().Add(time.Hour)}}))
	if len(full.byCode) != 1 || len(full.bySecret) != 1 {
		t.Errorf("%d are remembered whose time is up", len(full.byCode))
	}
}

// TestOneSubscriberOfIPv6IsOneSource: who has 2^64 addresses has no more terminals than others.
func TestOneSubscriberOfIPv6IsOneSource(t *testing.T) {
	w, _, _ := logins(t)
	var s terminals
	put := func(i int, source string) error {
		return s.put(w.now(), &waiter{Waiting: Waiting{Code: fmt.Sprint(i), Source: source, Until: w.now().Add(time.Minute)}, secret: fmt.Sprint(i)})
	}
	for i := range waitingEach {
		w.must(put(i, fmt.Sprintf("2001:db8::%x", i)))
	}
	wantRefusal(t, put(100, "2001:db8::ffff"), "too many")
	w.must(put(101, "2001:db8:0:1::1"))
}

func ecdsaLine(t *testing.T) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	line, _ := lineOf(t, k.Public())
	return line
}
