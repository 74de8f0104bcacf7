package recorder

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"sync"

	"lockbox/policy"
)

// A flow is one stream of a track: its content is kept up to a limit; all of it
// is counted, and hashed unless it was typed at a terminal.
type flow struct {
	mu     sync.Mutex
	most   int64 // bytes to keep
	bytes  int64
	kept   int64
	told   int64     // bytes when last written down
	hashed bool      // with a hash
	sum    hash.Hash // nil: a hash would let what was typed be guessed
}

// flowsOf are the streams of a track that have a size to tell; nil for what is kept whole.
func flowsOf(h Header) (fs [3]*flow) {
	most := h.Bulk
	if most <= 0 {
		most = policy.DefaultBulk
	}
	switch {
	case h.Kind == "pty":
		fs[2] = &flow{}
		return fs
	case h.objects():
		return fs
	}
	for i := range fs {
		fs[i] = &flow{most: most, sum: sha256.New()}
	}
	if h.Kind == "exec" && !h.Input {
		fs[2].most = 0
	}
	return fs
}

// A sizes is the data of CodeStdin and of CodeCut.
type sizes struct {
	Stream string `json:"stream,omitempty"`
	Kept   *int64 `json:"kept,omitempty"`
	Bytes  *int64 `json:"bytes,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// take counts p, and says how much of it is to be kept and whether the limit
// was passed just now.
func (f *flow) take(p []byte) (keep []byte, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(int64(len(p)), f.most-f.kept)
	cut = n < int64(len(p)) && f.kept == f.bytes
	f.bytes += int64(len(p))
	f.kept += n
	if f.sum != nil {
		_, _ = f.sum.Write(p) // never fails
	}
	return p[:n], cut
}

// count adds bytes that nobody kept or hashes.
func (f *flow) count(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes += n
}

// hashLeast is how many bytes of what is not kept have a hash: one of less would
// let a password be guessed that was piped in.
const hashLeast = 64

// A regard is what redaction saw of a stream.
type regard struct {
	redacts bool // it is to be redacted
	taken   bool // something was taken out
}

// total is the event that tells of the whole stream; no data where there is
// nothing to tell.
func (f *flow) total(code string, end bool, r regard) (as string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hash := f.sum != nil && f.opaque(end, r)
	if f.bytes == f.told && (f.hashed || !hash || f.bytes == 0) || f.most > 0 && f.bytes == f.kept && !end {
		return CodeCut, nil
	}
	f.told, f.hashed = f.bytes, hash
	bytes, kept := f.bytes, f.kept
	s := sizes{Bytes: &bytes}
	if hash {
		s.SHA256 = fmt.Sprintf("%x", f.sum.Sum(nil))
	}
	if f.most == 0 {
		return CodeStdin, s.json()
	}
	s.Stream, s.Kept = code, &kept
	return CodeCut, s.json()
}

// opaque says whether a hash lets nothing be guessed that is not to be known:
// what was redacted, or where nobody looked whether it was to be; and of what is
// not kept, the little that came in, or that came in since the hash before.
func (f *flow) opaque(end bool, r regard) bool {
	switch {
	case r.taken, r.redacts && f.bytes > f.kept:
		return false
	case f.most == 0:
		return end && f.bytes >= hashLeast
	}
	return true
}

// mark is the event that tells at once that no more is kept.
func (f *flow) mark(code string) []byte {
	kept := f.most
	return sizes{Stream: code, Kept: &kept}.json()
}

func (s sizes) json() []byte {
	b, err := json.Marshal(s)
	if err != nil { // numbers and strings
		panic(err)
	}
	return b
}

// carry records a stream of a track that is no terminal's.
func (t *Track) carry(i int, p []byte) error {
	f, code := t.flows[i], streams()[i]
	keep, cut := f.take(p)
	if err := t.put(code, keep); err != nil {
		return err
	}
	if cut && f.most > 0 {
		if err := t.put(CodeCut, f.mark(code)); err != nil {
			return err
		}
	}
	if len(keep) == len(p) {
		return nil
	}
	return t.wait()
}

// wait is for bytes that are not kept: they pass only while others could be.
func (t *Track) wait() error {
	t.rec.mu.Lock()
	defer t.rec.mu.Unlock()
	err := t.rec.admit(0)
	if err == nil && t.ended {
		err = ErrClosed
	}
	if err != nil {
		return fmt.Errorf("record %s: %w", t.name, err)
	}
	return nil
}
