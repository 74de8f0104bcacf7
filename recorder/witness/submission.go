package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// A submission is the body of add-checkpoint (C2SP tlog-witness): a checkpoint,
// and how its log grew from the size that the witness holds.
type submission struct {
	growth     proof.Growth
	checkpoint []byte
}

const (
	maxSubmission = 64 << 10 // bytes
	maxHashes     = 63
)

func (s submission) bytes() []byte {
	b := fmt.Appendf(nil, "old %d\n", s.growth.Old)
	for _, h := range s.growth.Proof {
		b = append(b, h.String()+"\n"...)
	}
	return append(append(b, '\n'), s.checkpoint...)
}

func parseSubmission(b []byte) (s submission, err error) {
	if len(b) > maxSubmission {
		return submission{}, fmt.Errorf("the body has more than %d bytes", maxSubmission)
	}
	head, checkpoint, ok := strings.Cut(string(b), "\n\n")
	lines := strings.Split(head, "\n")
	text, is := strings.CutPrefix(lines[0], "old ")
	if s.growth.Old, err = strconv.ParseInt(text, 10, 64); err != nil || !is || !ok || strconv.FormatInt(max(s.growth.Old, 0), 10) != text {
		return submission{}, errors.New(`the body does not begin with "old" and a size`)
	}
	if len(lines)-1 > maxHashes {
		return submission{}, fmt.Errorf("the proof has more than %d hashes", maxHashes)
	}
	for i, l := range lines[1:] {
		h, err := base64.StdEncoding.DecodeString(l)
		if err != nil || len(h) != tlog.HashSize || tlog.Hash(h).String() != l {
			return submission{}, fmt.Errorf("hash %d of the proof is not 32 bytes in base64", i)
		}
		s.growth.Proof = append(s.growth.Proof, tlog.Hash(h))
	}
	if _, err := proof.Peek([]byte(checkpoint)); err != nil {
		return submission{}, err
	}
	s.checkpoint = []byte(checkpoint)
	return s, nil
}

// parseSize reads the body of a 409: a size in decimal and a line end.
func parseSize(b []byte) (int64, error) {
	text, ok := strings.CutSuffix(string(b), "\n")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !ok || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("%.40q is no size", b)
	}
	return n, nil
}

// textOf is what is signed of a note, tail the lines of its signatures.
func textOf(b []byte) string { return string(b[:bytes.LastIndex(b, []byte("\n\n"))+1]) }
func tail(b []byte) []byte   { return b[bytes.LastIndex(b, []byte("\n\n"))+2:] }

// only is a note with the signatures by these keys alone, which must hold.
func only(b []byte, by ...note.Verifier) ([]byte, error) {
	n, err := note.Open(b, note.VerifierList(by...))
	if err != nil {
		return nil, err
	}
	out := []byte(n.Text + "\n")
	for _, s := range n.Sigs {
		out = append(out, "— "+s.Name+" "+s.Base64+"\n"...)
	}
	return out, nil
}
