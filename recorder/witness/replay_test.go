package witness_test

import (
	"errors"
	"testing"
	"time"

	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
)

// A checkpoint of before a restore is long enough for what came after it, and says nothing of that.
func TestACosignatureOfAnotherHistoryLetsNothingPass(t *testing.T) {
	c := newChain(t)
	c.grow(t, "a", "b")
	other := c.fork(2)
	other.grow(t, "lost", "lost too", "and this")
	s := serve(t, "w.test", c)
	code, _, lines := post(t, s.at+"/add-checkpoint", other.body(t, 0))
	note, err := other.Checkpoint(t.Context())
	must(t, err)
	if code != 200 {
		t.Fatalf("the witness says %d: %s", code, lines)
	}
	c.grow(t, "new", "newer", "newest", "and more")
	peer := s.peer
	peer.URL = ""
	a := ask(t, c, peer).run(t)
	if err := a.Add(t.Context(), append(note, lines...)); !errors.Is(err, witness.ErrForked) {
		t.Errorf("got %v, want %v", err, witness.ErrForked)
	}
	if names, err := a.cosigned(t, c, 5, 1, 100*time.Millisecond); err == nil {
		t.Errorf("a session went on by the word of %v on another history", names)
	}
	if _, err := proof.Open(append(note, lines...), origin, c.key, s.o.Own); err != nil {
		t.Errorf("it was not refused for what it is: %v", err)
	}
}
