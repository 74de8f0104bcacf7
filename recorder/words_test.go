package recorder

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestWordsAreKept(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, pty)
	must(t, tr.Output([]byte("x")))
	ex := Header{Kind: "exec", Command: "pg_dump \"acme\""}
	_, err := rec.Track(ex)
	must(t, err)
	seal := closed(t, rec)
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	w.Cause, w.Tracks, w.Root = "client left", 2, seal.Root
	if d := cmp.Diff(w, p.Session, cmpopts.IgnoreFields(Session{}, "Began", "Ended")); d != "" {
		t.Error("want -, got +", d)
	}
	ts := p.Tracks()
	if ts[0].Name != "pty0" || ts[1].Name != "exec1" || !cmp.Equal(ts[0].Header, pty) || !cmp.Equal(ts[1].Header, ex) {
		t.Errorf("got tracks %+v", ts)
	}
	if ts[0].Began.IsZero() || p.Session.Began.IsZero() || p.Session.Ended.Before(p.Session.Began) {
		t.Errorf("got times %v, %v, %v", ts[0].Began, p.Session.Began, p.Session.Ended)
	}
}

func TestCommandsAreKeptExactAndBounded(t *testing.T) {
	r := newRig(t)
	w, rec, _ := r.begin(t, pty)
	long := "\xff" + strings.Repeat("\x01<", 16<<9)
	for _, cmd := range []string{"ls \xe6\xf8", long, "", strings.Repeat("æ", 700)} {
		_, err := rec.Track(Header{Kind: "exec", Command: cmd})
		must(t, err)
	}
	if _, err := rec.Track(Header{Kind: "exec", Command: strings.Repeat("x", 40000)}); err == nil {
		t.Error("a command that is too long was taken")
	}
	closed(t, rec)
	r.verified(t, w.ID)
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	ts := p.Tracks()
	if len(ts) != 5 || ts[1].Header.Command != "ls \xe6\xf8" || ts[2].Header.Command != long || ts[2].Err != nil {
		t.Errorf("got %.300v", ts)
	}
	big := words()
	big.Customers = make([]string, 10000)
	if _, err := r.Open(big, How{}); err == nil {
		t.Error("words that are too long were taken")
	}
}

func TestACauseIsOneShortLine(t *testing.T) {
	r := newRig(t)
	w, rec, _ := r.begin(t, pty)
	_, err := rec.Close("revoked:\n\x1b[2J" + strings.Repeat("æ", 100000))
	must(t, err)
	if m := r.verified(t, w.ID); !strings.HasPrefix(m.Cause, "revoked:  [2Jæ") || len(m.Cause) > 1100 {
		t.Errorf("got %.40q of %d bytes", m.Cause, len(m.Cause))
	}
}
