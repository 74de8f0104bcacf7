package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
)

const grownV1 = "lockbox-growth/v1"

// A Grown is a file that shows, offline, that a log only added to what it was:
// what `lockbox verify --since` reads where the whole log is not at hand.
type Grown struct {
	Format string `json:"format"` // "lockbox-growth/v1"
	Old    string `json:"old"`    // checkpoints, as they were signed
	New    string `json:"new"`
	Growth Growth `json:"growth"`
}

const maxGrown = 128 << 10 // bytes

// GrownFile writes a Grown.
func GrownFile(old, now []byte, g Growth) ([]byte, error) {
	return json.MarshalIndent(Grown{grownV1, string(old), string(now), g}, "", "  ")
}

// ParseGrown reads a Grown. Fields it does not know are an error.
func ParseGrown(b []byte) (g Grown, err error) {
	fail := func(format string, args ...any) (Grown, error) {
		return Grown{}, fmt.Errorf("read the proof of growth: "+format, args...)
	}
	if len(b) > maxGrown {
		return fail("it has %d bytes, at most %d", len(b), maxGrown)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&g); err != nil {
		return fail("%w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail("something follows the end")
	}
	for _, n := range []string{g.Old, g.New} {
		if _, err := Peek([]byte(n)); err != nil {
			return fail("%w", err)
		}
	}
	switch {
	case g.Format != grownV1:
		return fail("it is no %s", grownV1)
	case g.Growth.Old < 0, len(g.Growth.Proof) > maxPath:
		return fail("it has %d hashes, from %d entries on", len(g.Growth.Proof), g.Growth.Old)
	}
	return g, nil
}

// Holds opens both checkpoints of origin, which it gives, and says that the newer only added to the older.
func (g Grown) Holds(origin string, log note.Verifier, witnesses ...note.Verifier) (older, newer Checkpoint, err error) {
	if older, err = Open([]byte(g.Old), origin, log, witnesses...); err != nil {
		return older, newer, fmt.Errorf("the older checkpoint: %w", err)
	}
	if newer, err = Open([]byte(g.New), origin, log, witnesses...); err != nil {
		return older, newer, fmt.Errorf("the newer checkpoint: %w", err)
	}
	return older, newer, g.Growth.Holds(older, newer)
}
