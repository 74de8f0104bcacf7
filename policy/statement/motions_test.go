package statement

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
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
	return map[string]motionForm{
		"admit":    {ForAdmit, admit.Bytes, func(b []byte) (any, error) { return ParseAdmit(b) }, admit},
		"dismiss":  {ForDismiss, dismiss.Bytes, func(b []byte) (any, error) { return ParseDismiss(b) }, dismiss},
		"activate": {ForActivate, activate.Bytes, func(b []byte) (any, error) { return ParseActivate(b) }, activate},
		"settings": {ForSettings, settings.Bytes, func(b []byte) (any, error) { return ParseSettings(b) }, settings},
		"standing": {ForStanding, standing.Bytes, func(b []byte) (any, error) { return ParseStanding(b) }, standing},
		"delegate": {ForDelegate, delegate.Bytes, func(b []byte) (any, error) { return ParseDelegate(b) }, delegate},
		"declare":  {ForDeclare, declare.Bytes, func(b []byte) (any, error) { return ParseDeclare(b) }, declare},
	}
}

// TestStatementsOfMotionsPrintAsTheyParse and are never taken for one of another kind.
func TestStatementsOfMotionsPrintAsTheyParse(t *testing.T) {
	all := motionForms()
	domains := map[Domain]string{ForApproval: "", ForTouch: "", ForSignIn: "", ForSSHKey: "", ForVouch: ""}
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
		if _, taken := domains[c.domain]; taken {
			t.Errorf("%s shares its domain %s", name, c.domain)
		}
		domains[c.domain] = name
	}
}

// TestOldStatementsOfMotionsReadForEver against the bytes in testdata, which do not change.
func TestOldStatementsOfMotionsReadForEver(t *testing.T) {
	for name, c := range motionForms() {
		old, err := os.ReadFile(filepath.Join("testdata", "motion", name+".txt"))
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
	for _, c := range motionForms() {
		text, err := c.print()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, c := range motionForms() {
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
