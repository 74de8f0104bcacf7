package identity

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

func TestAnInviteIsForOnePersonOfOneKind(t *testing.T) {
	w := newWorld(t)
	good := Invite{ID: "eng@example.eu", Name: "Eva Eng", Kind: policy.Staff}
	for _, c := range []struct {
		name   string
		change func(*Invite)
		want   string
	}{
		{"a good one", func(*Invite) {}, ""},
		{"no id", func(v *Invite) { v.ID = "" }, "cannot be an id"},
		{"upper case", func(v *Invite) { v.ID = "Eng@example.eu" }, "lower case"},
		{"look-alike letter", func(v *Invite) { v.ID = "еng@example.eu" }, "cannot be an id"},
		{"a slash", func(v *Invite) { v.ID = "a/b@example.eu" }, "cannot be an id"},
		{"two at signs", func(v *Invite) { v.ID = "a@b@example.eu" }, "cannot be an id"},
		{"no domain", func(v *Invite) { v.ID = "lockbox" }, "cannot be an id"},
		{"no name", func(v *Invite) { v.Name = "" }, "cannot be a name"},
		{"invisible name", func(v *Invite) { v.Name = "Eva\u202eEng" }, "cannot be a name"},
		{"long name", func(v *Invite) { v.Name = strings.Repeat("e", 101) }, "cannot be a name"},
		{"no kind", func(v *Invite) { v.Kind = "" }, "not a kind"},
		{"a machine", func(v *Invite) { v.Kind = policy.Machine }, "not a kind"},
		{"reviewer of nobody", func(v *Invite) { v.Kind = policy.Reviewer }, "speaks for one customer"},
		{"staff of a customer", func(v *Invite) { v.Customer = "nord" }, "speaks for one customer"},
		{"unknown customer", func(v *Invite) { v.Kind, v.Customer = policy.Reviewer, "west" }, "no customer"},
		{"bad ssh key", func(v *Invite) { v.SSHKey = "ssh-ed25519 AAAA" }, "not a public key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := good
			c.change(&v)
			_, err := w.NewLink(t.Context(), "lockbox", v)
			if c.want == "" && err != nil {
				t.Fatal(err)
			}
			if c.want != "" {
				wantRefusal(t, err, c.want)
			}
		})
	}
}

func TestALinkEnrolsOnePersonOnce(t *testing.T) {
	w := newWorld(t)
	token, err := w.NewLink(t.Context(), "op@example.eu", Invite{ID: "eng@example.eu", Name: "Eva", Kind: policy.Staff})
	w.must(err)
	v, err := w.Invited(t.Context(), token, here)
	w.must(err)
	if v.ID != "eng@example.eu" || v.Name != "Eva" {
		t.Errorf("got %+v", v)
	}
	_, e := w.use(token)
	if e.ID != "eng@example.eu" || e.Confirmed || e.Founded || !isFingerprint(e.Fingerprint) {
		t.Errorf("got %+v, want somebody who waits to be confirmed", e)
	}
	_, _, err = w.BeginEnroll(t.Context(), token, here)
	wantRefusal(t, err, "was used")
	_, err = w.FinishEnroll(t.Context(), token, []byte("{}"), here)
	wantRefusal(t, err, "was used")
	_, err = w.NewLink(t.Context(), "op@example.eu", Invite{ID: "eng@example.eu", Name: "Eva", Kind: policy.Executive})
	wantRefusal(t, err, "enrolled already")
	if got := w.kinds("person.enrolled"); got != 1 {
		t.Errorf("got %d events person.enrolled, want 1", got)
	}
}

func TestTwoLinksOfOnePersonEnrolOnce(t *testing.T) {
	w := newWorld(t)
	v := Invite{ID: "eng@example.eu", Name: "Eva", Kind: policy.Staff}
	var tokens [8]string
	for i := range tokens {
		var err error
		tokens[i], err = w.NewLink(t.Context(), "lockbox", v)
		w.must(err)
	}
	var wg sync.WaitGroup
	results := make([]error, len(tokens))
	for i, token := range tokens {
		d := newDevice(t, virtualwebauthn.KeyTypeEC2)
		_, options, err := w.BeginEnroll(t.Context(), token, here)
		w.must(err)
		made := d.create(options)
		wg.Go(func() { _, results[i] = w.FinishEnroll(t.Context(), token, made, here) })
	}
	wg.Wait()
	ok := 0
	for _, err := range results {
		if err == nil {
			ok++
		} else {
			wantRefusal(t, err, "enrolled already")
		}
	}
	if ok != 1 {
		t.Errorf("%d enrolled, want 1", ok)
	}
}

func TestALinkThatIsGuessedOldOrStrangeEnrolsNobody(t *testing.T) {
	w := newWorld(t)
	token, err := w.NewLink(t.Context(), "lockbox", Invite{ID: "eng@example.eu", Name: "Eva", Kind: policy.Staff})
	w.must(err)
	for _, guess := range []string{"", "x", token + "A", token[:len(token)-1], strings.Repeat("A", 1<<16), "a/b"} {
		_, _, err := w.BeginEnroll(t.Context(), guess, Meta{Source: "198.51.100.1"})
		wantRefusal(t, err, "not valid")
		w.pass(time.Minute)
	}
	w.pass(linkLife)
	_, _, err = w.BeginEnroll(t.Context(), token, here)
	wantRefusal(t, err, "too old")
}

func TestARegistrationIsVerified(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(d *device)
		want   string // "" enrols
	}{
		{"good", func(*device) {}, ""},
		{"synced", func(d *device) { d.auth.Options.BackupEligible, d.auth.Options.BackupState = true, true }, ""},
		{"user not verified", func(d *device) { d.auth.Options.UserNotVerified = true }, "could not be registered"},
		{"nobody present", func(d *device) { d.auth.Options.UserNotPresent = true }, "could not be registered"},
		{"wrong origin", func(d *device) { d.rp.Origin = "https://evil.example" }, "could not be registered"},
		{"http", func(d *device) { d.rp.Origin = "http://" + host }, "could not be registered"},
		{"other port", func(d *device) { d.rp.Origin = origin + ":8443" }, "could not be registered"},
		{"sub-domain", func(d *device) { d.rp.Origin = "https://x." + host }, "could not be registered"},
		{"other relying party", func(d *device) { d.rp.ID = "example.eu" }, "could not be registered"},
		{"backed up but not eligible", func(d *device) { d.auth.Options.BackupState = true }, "could not be registered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			token, err := w.NewLink(t.Context(), "lockbox", Invite{ID: "eng@example.eu", Name: "Eva", Kind: policy.Staff})
			w.must(err)
			_, options, err := w.BeginEnroll(t.Context(), token, here)
			w.must(err)
			d := newDevice(t, virtualwebauthn.KeyTypeEC2)
			c.change(d)
			_, err = w.FinishEnroll(t.Context(), token, d.create(options), here)
			if c.want == "" {
				w.must(err)
				return
			}
			wantRefusal(t, err, c.want)
			_, err = w.FinishEnroll(t.Context(), token, newDevice(t, virtualwebauthn.KeyTypeEC2).create(options), here)
			wantRefusal(t, err, "used already") // the challenge is gone, whatever came of it
			if _, e := w.use(token); e.ID == "" {
				t.Error("the link is used up by a try that failed")
			}
		})
	}
}

func TestARegistrationEndsAfterFiveMinutes(t *testing.T) {
	w := newWorld(t)
	token, err := w.NewLink(t.Context(), "lockbox", Invite{ID: "eng@example.eu", Name: "Eva", Kind: policy.Staff})
	w.must(err)
	_, options, err := w.BeginEnroll(t.Context(), token, here)
	w.must(err)
	w.pass(ceremonyLife)
	_, err = w.FinishEnroll(t.Context(), token, newDevice(t, virtualwebauthn.KeyTypeEC2).create(options), here)
	wantRefusal(t, err, "waited too long")
}

func TestAnRSAPasskeyEnrolsAndSignsIn(t *testing.T) {
	w := newWorld(t)
	token, err := w.NewLink(t.Context(), "lockbox", Invite{ID: "eng@example.eu", Name: "Eva", Kind: policy.Staff})
	w.must(err)
	_, options, err := w.BeginEnroll(t.Context(), token, here)
	w.must(err)
	d := newDevice(t, virtualwebauthn.KeyTypeRSA)
	_, err = w.FinishEnroll(t.Context(), token, d.create(options), here)
	w.must(err)
	_, who, err := w.signIn(d)
	w.must(err)
	if who.ID != "eng@example.eu" {
		t.Errorf("got %q", who.ID)
	}
}

func TestOnePasskeyIsOnePersons(t *testing.T) {
	w := newWorld(t)
	d, _ := w.ceo()
	token, err := w.NewLink(t.Context(), "lockbox", Invite{ID: "eng@example.eu", Name: "Eva", Kind: policy.Staff})
	w.must(err)
	_, options, err := w.BeginEnroll(t.Context(), token, here)
	w.must(err)
	_, err = w.FinishEnroll(t.Context(), token, d.create(options), here)
	wantRefusal(t, err, "enrolled already")
	d.cred.ID = []byte("another id, the same key")
	_, options, err = w.BeginEnroll(t.Context(), token, here)
	w.must(err)
	_, err = w.FinishEnroll(t.Context(), token, d.create(options), here)
	wantRefusal(t, err, "enrolled already")
}

func TestARegistrationAsksForAVerifiedUserAndAHandleThatSaysNothing(t *testing.T) {
	w := newWorld(t)
	token, err := w.NewLink(t.Context(), "lockbox", Invite{ID: "eng@example.eu", Name: "Eva", Kind: policy.Staff})
	w.must(err)
	_, options, err := w.BeginEnroll(t.Context(), token, here)
	w.must(err)
	for _, want := range []string{`"residentKey":"required"`, `"requireResidentKey":true`, `"userVerification":"required"`, `"timeout":300000`} {
		if !bytes.Contains(options, []byte(want)) {
			t.Errorf("%s is not in %s", want, options)
		}
	}
	d := newDevice(t, virtualwebauthn.KeyTypeEC2)
	d.create(options)
	if h := d.auth.Options.UserHandle; len(h) != 32 || bytes.Contains(h, []byte("eng")) {
		t.Errorf("user handle %q, want 32 random bytes", h)
	}
}

func TestSecretsAreNotInTheDatabase(t *testing.T) {
	w := newWorld(t)
	token, err := w.NewLink(t.Context(), "lockbox", Invite{ID: "ceo@example.eu", Name: "Carla", Kind: policy.Executive, Founds: true})
	w.must(err)
	d, _ := w.use(token)
	cookie, _, err := w.signIn(d)
	w.must(err)
	_, err = w.Session(t.Context(), cookie)
	w.must(err)
	b, err := os.ReadFile(w.path)
	w.must(err)
	if !bytes.Contains(b, []byte(hash(token))) || !bytes.Contains(b, []byte(hash(cookie))) {
		t.Fatal("the hashes are not in the file: this test looks in the wrong place")
	}
	for name, s := range map[string]string{"link": token, "cookie": cookie} {
		if bytes.Contains(b, []byte(s)) {
			t.Errorf("the %s stands in the database", name)
		}
	}
}

func TestARowChangedInTheDatabaseIsNotBelieved(t *testing.T) {
	for _, c := range []struct{ name, was, is string }{
		{"whose passkey it is", `"of":"eng@example.eu"`, `"of":"ceo@example.eu"`},
		{"what the person is", `"kind":"staff"`, `"kind":"owner"`},
		{"that a second person compared it", `"how":"vouched"`, `"how":"founded"`},
		{"whose ssh key it is", `"comment":"eva"`, `"comment":"eve"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			ceo, _ := w.ceo()
			line, key := sshLine(t)
			eng, _ := w.eng(ceo, strings.TrimSpace(line)+" eva")
			w.addSSHKey(eng, "eng@example.eu")
			w.engine.lie([]byte(c.was), []byte(c.is))
			if who, err := w.BySSHKey(t.Context(), key); !errors.Is(err, ledger.ErrTampered) {
				t.Errorf("got %q, %v, want ErrTampered", who.ID, err)
			}
		})
	}
}

func TestPinsChangedInTheDatabaseAreNotBelieved(t *testing.T) {
	w := newWorld(t)
	_, e := w.ceo()
	w.engine.lie([]byte(e.Fingerprint), []byte("SHA256:"+strings.Repeat("A", 43)))
	err := w.Ledger.View(t.Context(), func(tx *ledger.Tx) error {
		p, err := w.Pins(tx)
		if !errors.Is(err, ledger.ErrTampered) || p.Executives != nil {
			t.Errorf("got %v, %v, want ErrTampered", p, err)
		}
		return nil
	})
	w.must(err)
}

func TestARelyingPartyIsCheckedBeforeAnybodyEnrols(t *testing.T) {
	for _, c := range []struct {
		name  string
		log   string
		party statement.Party
		ok    bool
	}{
		{"a host", "lockbox.test", statement.Party{ID: host, Origins: []string{origin}}, true},
		{"this machine", "lockbox.test", statement.Party{ID: "localhost", Origins: []string{"http://localhost:8080"}}, true},
		{"an address", "lockbox.test", statement.Party{ID: "127.0.0.1", Origins: []string{"http://127.0.0.1:8080"}}, false},
		{"nothing", "lockbox.test", statement.Party{}, false},
		{"no origin", "lockbox.test", statement.Party{ID: host}, false},
		{"no log", "", statement.Party{ID: host, Origins: []string{origin}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := (&Directory{Log: c.log, Party: c.party}).Check(); (err == nil) != c.ok {
				t.Errorf("got %v, want good: %v", err, c.ok)
			}
		})
	}
}
