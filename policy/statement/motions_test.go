package statement

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// A kind of motion: one example of its statement, and how it is read.
type motionForm struct {
	domain Domain
	print  func() ([]byte, error)
	parse  func([]byte) (any, error)
	want   any
}

func motionForms() map[string]motionForm {
	m := Matter{
		Log: "lock.example", Motion: "7KQM", Digest: "d1", Proposer: "Carla <ceo@example.eu> (executive)", Whose: "executives", Text: "none",
		Takes: "2 signatures of executives", Decision: "approve", Decider: "Otto <cto@example.eu> (executive)", Nonce: "00ff",
	}
	span := Span{"db1.prod", "any", "shell, exec", "outage", "Mon, Tue 07:00-19:00 Europe/Copenhagen", "once it is signed", "2026-12-01 00:00:00 UTC"}
	admit, dismiss := Admit{m, "Ada <ada@example.eu> (executive)", "SHA256:x"}, Dismiss{m, "Ada <ada@example.eu> (executive)", "SHA256:x"}
	activate, settings := Activate{m, "p1", "c1"}, Settings{m, "consent is asked for", "2 of its reviewers"}
	standing, delegate, declare := Standing{m, span, "10", "1h0m0s"}, Delegate{m, "Dan <dan@example.eu>", "SHA256:y", span}, Declare{m, "3", "d3"}
	recovery, erase, ratify := Recover{m, "Ada <ada@example.eu>", "all", "a link"}, Erase{m, "Ada <ada@example.eu>", "names", "the log", "never"}, Ratify{m, "7KQM", "g1", "right"}
	return map[string]motionForm{
		"recover":   {ForRecover, recovery.Bytes, func(b []byte) (any, error) { return ParseRecover(b) }, recovery},
		"erase":     {ForErase, erase.Bytes, func(b []byte) (any, error) { return ParseErase(b) }, erase},
		"emergency": {ForEmergency, anEmergency().Bytes, func(b []byte) (any, error) { return ParseEmergency(b) }, anEmergency()},
		"seal":      {ForSeal, Seal{m, "B7KQ", "g1", "nothing by itself"}.Bytes, func(b []byte) (any, error) { return ParseSeal(b) }, Seal{m, "B7KQ", "g1", "nothing by itself"}},
		"review":    {ForReview, Review{m, "2026-W47", "d1", "read"}.Bytes, func(b []byte) (any, error) { return ParseReview(b) }, Review{m, "2026-W47", "d1", "read"}},
		"ratify":    {ForRatify, ratify.Bytes, func(b []byte) (any, error) { return ParseRatify(b) }, ratify},
		"admit":     {ForAdmit, admit.Bytes, func(b []byte) (any, error) { return ParseAdmit(b) }, admit},
		"dismiss":   {ForDismiss, dismiss.Bytes, func(b []byte) (any, error) { return ParseDismiss(b) }, dismiss},
		"activate":  {ForActivate, activate.Bytes, func(b []byte) (any, error) { return ParseActivate(b) }, activate},
		"settings":  {ForSettings, settings.Bytes, func(b []byte) (any, error) { return ParseSettings(b) }, settings},
		"standing":  {ForStanding, standing.Bytes, func(b []byte) (any, error) { return ParseStanding(b) }, standing},
		"delegate":  {ForDelegate, delegate.Bytes, func(b []byte) (any, error) { return ParseDelegate(b) }, delegate},
		"declare":   {ForDeclare, declare.Bytes, func(b []byte) (any, error) { return ParseDeclare(b) }, declare},
	}
}

// forms are all kinds of statement there are.
func forms() map[string]motionForm {
	all := motionForms()
	touch, signIn, key, vouch := Touch{Log: "a", Nonce: "b"}, SignIn{"a", "b"}, SSHKey{Log: "a", Key: "k"}, Vouch{By: "a", Key: "k"}
	arrive := Arrive{"lock.example", "ada@example.eu", "7KQM", "wiki", "app", "203.0.113.7", "00ff", "c1", "00ff"}
	login := Login{"lock.example", "ada@example.eu", "SHA256:k", "203.0.113.7", "2026-11-22T12:00:00Z", "2026-11-22T12:15:00Z", "00ff"}
	slack := Slack{"lock.example", "ada@example.eu", "T024BE7LD", "U023BECGF", "00ff"}
	credential := Credential{"lock.example", "ada@example.eu", "executive", "none", "SHA256:x", "on one device", "unknown", "00ff"}
	counter, retire := CounterSign{"lock.example", "ada@example.eu", "SHA256:x", "on one device", "c1", "00ff"}, Retire{"lock.example", "ada@example.eu", "SHA256:x", "00ff"}
	for name, f := range map[string]motionForm{
		"approval":     {ForApproval, approval().Bytes, func(b []byte) (any, error) { return ParseApproval(b) }, approval()},
		"touch":        {ForTouch, touch.Bytes, func(b []byte) (any, error) { return ParseTouch(b) }, touch},
		"arrive":       {ForArrive, arrive.Bytes, func(b []byte) (any, error) { return ParseArrive(b) }, arrive},
		"sign-in":      {ForSignIn, signIn.Bytes, func(b []byte) (any, error) { return ParseSignIn(b) }, signIn},
		"ssh-key":      {ForSSHKey, key.Bytes, func(b []byte) (any, error) { return ParseSSHKey(b) }, key},
		"login":        {ForLogin, login.Bytes, func(b []byte) (any, error) { return ParseLogin(b) }, login},
		"slack":        {ForSlack, slack.Bytes, func(b []byte) (any, error) { return ParseSlack(b) }, slack},
		"vouch":        {ForVouch, vouch.Bytes, func(b []byte) (any, error) { return ParseVouch(b) }, vouch},
		"counter-sign": {ForCounterSign, counter.Bytes, func(b []byte) (any, error) { return ParseCounterSign(b) }, counter},
		"retire":       {ForRetire, retire.Bytes, func(b []byte) (any, error) { return ParseRetire(b) }, retire},
		"credential":   {"", credential.Bytes, func(b []byte) (any, error) { return ParseCredential(b) }, credential}, // nobody signs it by itself
	} {
		all[name] = f
	}
	return all
}

// TestNoStatementIsTakenForAnother: not one kind's text by another's parser, nor
// one kind's signature over the same text by another's domain.
func TestNoStatementIsTakenForAnother(t *testing.T) {
	all := forms()
	domains := map[Domain]string{}
	a := newAuthenticator(t)
	for name, c := range all {
		text, err := c.print()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.parse(text); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
		for other, o := range all {
			if _, err := o.parse(text); other != name && err == nil {
				t.Errorf("%s is taken for %s", name, other)
			}
		}
		if other, taken := domains[c.domain]; taken {
			t.Errorf("%s shares its domain %q with %s", name, c.domain, other)
		}
		domains[c.domain] = name
		signed := a.sign(t, Challenge(c.domain, text))
		for other, o := range all {
			if _, err := Verify(signed, a.key(t), Challenge(o.domain, text), party); (err == nil) != (other == name) {
				t.Errorf("a signature on %s as one on %s: %v", name, other, err)
			}
		}
	}
}

// TestWhatAnyStatementSaysIsReadBack whatever is put into its fields, or it cannot be written.
func TestWhatAnyStatementSaysIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.StringMatching(`[ -~æøå]{0,20}`), rapid.String(), rapid.SampledFrom([]string{"a\nnonce: 1", ": ", "none"}))
		for name, c := range forms() {
			v := reflect.New(reflect.TypeOf(c.want)).Elem()
			fill(v, func() string { return value.Draw(t, name) })
			text, err := v.Interface().(interface{ Bytes() ([]byte, error) }).Bytes()
			if err != nil {
				continue
			}
			if got, err := c.parse(text); err != nil || got != v.Interface() {
				t.Fatalf("%s: got %+v, %v, want %+v", name, got, err, v.Interface())
			}
		}
	})
}

func fill(v reflect.Value, next func() string) {
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Struct {
			fill(f, next)
		} else {
			f.SetString(next())
		}
	}
}

// TestOldStatementsReadForEver against the bytes in testdata, which do not change.
func TestOldStatementsReadForEver(t *testing.T) {
	for name, c := range forms() {
		old, err := os.ReadFile(filepath.Join("testdata", "forms", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := c.print(); err != nil || !bytes.Equal(text, old) {
			t.Errorf("%s prints as\n%s, %v, want\n%s", name, text, err, old)
		}
	}
}

// FuzzParseMotion: what any kind accepts prints back the same.
func FuzzParseMotion(f *testing.F) {
	for _, c := range forms() {
		text, err := c.print()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, c := range forms() {
			parsed, err := c.parse(text)
			if err != nil {
				continue
			}
			if got, err := parsed.(interface{ Bytes() ([]byte, error) }).Bytes(); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s: %q prints as %q, %v", name, text, got, err)
			}
		}
	})
}

// anEmergency is what a second person signs, in the golden file.
func anEmergency() Emergency {
	return Emergency{
		Broken: "THE GLASS IS BROKEN", Code: "G7KQ", Skips: "executives, customer nord", Ratify: "executives within 24 hours of this",
		Approval: Approval{Log: "lock.example", Request: "7KQM", Target: "db1.prod", Decision: "approve", Nonce: "00ff"},
	}
}
