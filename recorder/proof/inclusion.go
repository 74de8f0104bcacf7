package proof

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// An Inclusion proves that a leaf is in the tree of a checkpoint (C2SP tlog-proof).
type Inclusion struct {
	Index      int64
	Path       tlog.RecordProof // from the leaf up
	Checkpoint []byte
}

const inclusionV1 = "c2sp.org/tlog-proof@v1"

const (
	maxInclusion = 64 << 10 // bytes
	maxPath      = 64       // hashes: a tree has at most 2^63 entries
)

// MarshalText writes a tlog-proof file, without its "extra" line.
func (p Inclusion) MarshalText() ([]byte, error) {
	b := fmt.Appendf(nil, "%s\nindex %d\n", inclusionV1, p.Index)
	for _, h := range p.Path {
		b = append(b, h.String()+"\n"...)
	}
	return append(append(b, '\n'), p.Checkpoint...), nil
}

// UnmarshalText reads a tlog-proof file. What its "extra" line says is not authenticated, and passed over.
func (p *Inclusion) UnmarshalText(b []byte) error {
	if len(b) > maxInclusion {
		return fmt.Errorf("the proof has %d bytes, at most %d", len(b), maxInclusion)
	}
	head, checkpoint, ok := strings.Cut(string(b), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || lines[0] != inclusionV1 {
		return fmt.Errorf("this is no %s", inclusionV1)
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		if _, err := unspell(lines[0][len("extra "):]); err != nil {
			return errors.New("the extra line of the proof is not base64")
		}
		lines = lines[1:]
	}
	if len(lines) == 0 {
		return errors.New("the proof has no index")
	}
	text, _ := strings.CutPrefix(lines[0], "index ")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || "index "+strconv.FormatInt(n, 10) != lines[0] {
		return fmt.Errorf("the proof has the index %.40q", lines[0])
	}
	path, err := parseHashes(lines[1:])
	if err != nil {
		return err
	}
	if _, err := Peek([]byte(checkpoint)); err != nil {
		return err
	}
	*p = Inclusion{n, path, []byte(checkpoint)}
	return nil
}

func parseHashes(lines []string) ([]tlog.Hash, error) {
	if len(lines) > maxPath {
		return nil, fmt.Errorf("the proof has %d hashes, at most %d", len(lines), maxPath)
	}
	var out []tlog.Hash
	for i, l := range lines {
		b, err := unspell(l)
		if err != nil || len(b) != tlog.HashSize {
			return nil, fmt.Errorf("hash %d of the proof is not 32 bytes in base64", i)
		}
		out = append(out, tlog.Hash(b))
	}
	return out, nil
}

// Holds says that leaf stands at the proof's index in the tree of c, which must be the opened Checkpoint.
func (p Inclusion) Holds(leaf []byte, c Checkpoint) error {
	if !bytes.Equal(p.Checkpoint, c.Note) {
		return errors.New("the proof is under another checkpoint")
	}
	if err := tlog.CheckRecord(p.Path, c.N, c.Hash, p.Index, tlog.RecordHash(leaf)); err != nil {
		return fmt.Errorf("entry %d is not in the tree of %d entries: %w", p.Index, c.N, err)
	}
	return nil
}
