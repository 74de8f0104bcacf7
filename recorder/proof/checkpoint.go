package proof

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Checkpoint is an opened C2SP tlog-checkpoint: the log's key signed it.
type Checkpoint struct {
	Origin string // the log's name: "lockbox.example", of a customer "lockbox.example/c/nord"
	tlog.Tree
	Cosigned []Cosigned // by the witnesses that were asked for, in the order of the note
	Note     []byte     // as it was signed, with every signature
}

// A Cosigned says that a witness saw the checkpoint, and none that does not go together with it.
type Cosigned struct {
	Name string // of the witness's key
	At   time.Time
}

// Text is the body of a checkpoint: what the log and its witnesses sign.
func Text(origin string, t tlog.Tree) string {
	return origin + "\n" + strconv.FormatInt(t.N, 10) + "\n" + t.Hash.String() + "\n"
}

// Sign makes the checkpoint of a tree.
func Sign(origin string, t tlog.Tree, by note.Signer) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: Text(origin, t)}, by)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint: %w", err)
	}
	return b, nil
}

// Open gives the checkpoint that log signed for origin. Signatures of
// witnesses that are not among those given are passed over; one of theirs that
// does not hold makes the whole note not hold.
func Open(b []byte, origin string, log note.Verifier, witnesses ...note.Verifier) (Checkpoint, error) {
	n, err := note.Open(b, note.VerifierList(append([]note.Verifier{log}, witnesses...)...))
	var other *note.UnverifiedNoteError
	switch {
	case errors.As(err, &other):
		return Checkpoint{}, unsigned(log)
	case err != nil:
		return Checkpoint{}, fmt.Errorf("the checkpoint does not hold: %w", err)
	}
	c := Checkpoint{Note: bytes.Clone(b)}
	signed := false
	for _, s := range n.Sigs { // note.Open takes several spellings of one signature
		raw, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
		if err != nil {
			return Checkpoint{}, errors.New("the checkpoint does not hold: malformed signature")
		}
		if s.Name == log.Name() && s.Hash == log.KeyHash() {
			signed = true
			continue
		}
		at, err := cosignedAt(raw[4:]) // after the key's hash
		if err != nil {
			return Checkpoint{}, err
		}
		c.Cosigned = append(c.Cosigned, Cosigned{s.Name, at})
	}
	if !signed {
		return Checkpoint{}, unsigned(log)
	}
	if err := c.parse(n.Text); err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != origin {
		return Checkpoint{}, fmt.Errorf("the checkpoint is of the log %q, not of %q", c.Origin, origin)
	}
	return c, nil
}

func unsigned(log note.Verifier) error {
	return fmt.Errorf("the checkpoint is not signed by %s (key %08x)", log.Name(), log.KeyHash())
}

// Peek reads origin, size and root without believing them.
func Peek(b []byte) (Checkpoint, error) {
	text, _, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		return Checkpoint{}, errors.New("this is no checkpoint: it has no signature")
	}
	c := Checkpoint{Note: bytes.Clone(b)}
	return c, c.parse(text + "\n")
}

func (c *Checkpoint) parse(text string) error {
	lines := strings.SplitN(text, "\n", 4) // lines after the third are extensions
	if len(lines) < 4 {
		return errors.New("the checkpoint has fewer than three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return fmt.Errorf("the checkpoint has the size %q", lines[1])
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil || hash.String() != lines[2] {
		return fmt.Errorf("the checkpoint has the root %q", lines[2])
	}
	c.Origin, c.Tree = lines[0], tlog.Tree{N: size, Hash: hash}
	return nil
}

// Merge puts the signatures of several notes over one text together, each once, in their order.
func Merge(notes ...[]byte) ([]byte, error) {
	var text string
	var sigs []string
	for i, b := range notes {
		body, tail, ok := strings.Cut(string(b), "\n\n")
		if !ok || i > 0 && body != text {
			return nil, errors.New("these are signatures over different checkpoints")
		}
		text = body
		for line := range strings.Lines(tail) {
			if !slices.Contains(sigs, line) {
				sigs = append(sigs, line)
			}
		}
	}
	return []byte(text + "\n\n" + strings.Join(sigs, "")), nil
}
