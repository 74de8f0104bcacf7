package proof

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
	Key  uint32 // its hash, as in the text of the key
	At   time.Time
}

const (
	maxCheckpoint = 32 << 10 // bytes
	maxSize       = 1 << 60  // entries: sumdb/tlog counts no further, and does not end with more than 2^62
)

// Text is the body of a checkpoint: what the log and its witnesses sign.
func Text(origin string, t tlog.Tree) string {
	return origin + "\n" + strconv.FormatInt(t.N, 10) + "\n" + t.Hash.String() + "\n"
}

// Sign makes the checkpoint of a tree.
func Sign(origin string, t tlog.Tree, by note.Signer) ([]byte, error) {
	var c Checkpoint
	if err := c.parse(Text(origin, t)); err != nil || c.Origin != origin {
		return nil, fmt.Errorf("sign the checkpoint: %q of %d entries is no log that can be read back", origin, t.N)
	}
	b, err := note.Sign(&note.Note{Text: Text(origin, t)}, by)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint: %w", err)
	}
	return b, nil
}

// Open gives the checkpoint that log signed for origin. Signatures of
// witnesses that are not among those given are passed over; one of theirs that
// does not hold, or two by one key, make the whole note not hold.
func Open(b []byte, origin string, log note.Verifier, witnesses ...note.Verifier) (Checkpoint, error) {
	text, lines, err := split(b) // one spelling of everything; note.Open takes several
	if err != nil {
		return Checkpoint{}, err
	}
	n, err := note.Open(b, note.VerifierList(append([]note.Verifier{log}, witnesses...)...))
	var other *note.UnverifiedNoteError
	switch {
	case errors.As(err, &other):
		return Checkpoint{}, unsigned(log)
	case err != nil:
		return Checkpoint{}, fmt.Errorf("the checkpoint does not hold: %w", err)
	}
	c := Checkpoint{Note: bytes.Clone(b)}
	if err := c.parse(text); err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != origin {
		return Checkpoint{}, fmt.Errorf("the checkpoint is of the log %q, not of %q", c.Origin, origin)
	}
	if err := c.signatures(n.Sigs, lines, log); err != nil {
		return Checkpoint{}, err
	}
	return c, nil
}

// signatures reads those that hold.
func (c *Checkpoint) signatures(held []note.Signature, lines []string, log note.Verifier) error {
	times := map[string]int{}
	for _, line := range lines {
		who, _ := signer(line) // split has read it
		times[who]++
	}
	signed := false
	for _, s := range held {
		raw, _ := unspell(s.Base64)                                // so too
		if who := s.Name + " " + string(raw[:4]); times[who] > 1 { // note.Open checks the first only
			return fmt.Errorf("the checkpoint does not hold: %s signed it twice", s.Name)
		}
		if s.Name == log.Name() && s.Hash == log.KeyHash() {
			signed = true
			continue
		}
		at, err := cosignedAt(raw[4:]) // after the key's hash
		if err != nil {
			return err
		}
		c.Cosigned = append(c.Cosigned, Cosigned{s.Name, s.Hash, at})
	}
	if !signed {
		return unsigned(log)
	}
	return nil
}

func unsigned(log note.Verifier) error {
	return fmt.Errorf("the checkpoint is not signed by %s (key %08x)", log.Name(), log.KeyHash())
}

// Peek reads origin, size and root without believing them.
func Peek(b []byte) (Checkpoint, error) {
	text, _, err := split(b)
	if err != nil {
		return Checkpoint{}, err
	}
	c := Checkpoint{Note: bytes.Clone(b)}
	return c, c.parse(text)
}

// split parts a note into its text and its lines of signatures.
func split(b []byte) (text string, signatures []string, err error) {
	if len(b) > maxCheckpoint {
		return "", nil, fmt.Errorf("the checkpoint has %d bytes, at most %d", len(b), maxCheckpoint)
	}
	control := func(r rune) bool { return r < ' ' && r != '\n' }
	if !utf8.Valid(b) || bytes.ContainsFunc(b, control) {
		return "", nil, errors.New("this is no checkpoint: it is not plain text")
	}
	at := bytes.LastIndex(b, []byte("\n\n")) // as sumdb/note does
	if at < 0 || at+2 == len(b) || !bytes.HasSuffix(b, []byte("\n")) {
		return "", nil, errors.New("this is no checkpoint: it has no signature")
	}
	for line := range strings.Lines(string(b[at+2:])) {
		if _, err := signer(line); err != nil {
			return "", nil, err
		}
		signatures = append(signatures, line)
	}
	return string(b[:at+1]), signatures, nil
}

// signer is the name and the hash of the key of a signature's line.
func signer(line string) (string, error) {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "— ")
	name, b64, _ := strings.Cut(rest, " ")
	raw, err := unspell(b64)
	if !ok || !keyName(name) || err != nil || len(raw) < 5 {
		return "", errors.New("this is no checkpoint: it has a malformed signature")
	}
	return name + " " + string(raw[:4]), nil
}

func (c *Checkpoint) parse(text string) error {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" || slices.Contains(lines[:len(lines)-1], "") { // those after the third are extensions
		return errors.New("the checkpoint has fewer than three lines, or an empty one")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > maxSize || strconv.FormatInt(size, 10) != lines[1] {
		return fmt.Errorf("the checkpoint has the size %.40q", lines[1])
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil || hash.String() != lines[2] || size == 0 && hash != sha256.Sum256(nil) {
		return fmt.Errorf("the checkpoint has the root %.80q", lines[2])
	}
	c.Origin, c.Tree = lines[0], tlog.Tree{N: size, Hash: hash}
	return nil
}

// Merge puts the signatures of several notes over one text together, in their
// order; of two by one key the later note's stands.
func Merge(notes ...[]byte) ([]byte, error) {
	var text string
	var lines, by []string
	for i, b := range notes {
		body, signatures, err := split(b)
		switch {
		case err != nil:
			return nil, err
		case i > 0 && body != text:
			return nil, errors.New("these are signatures over different checkpoints")
		}
		text = body
		for _, line := range signatures {
			who, _ := signer(line) // split has read it
			if at := slices.Index(by, who); at >= 0 {
				lines[at] = line
				continue
			}
			lines, by = append(lines, line), append(by, who)
		}
	}
	return []byte(text + "\n" + strings.Join(lines, "")), nil
}
