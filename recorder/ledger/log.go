package ledger

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Where things are in the engine: one letter, then what follows it.
const (
	inBeside = 'b' // seq → personal fields
	inNote   = 'c' // → latest checkpoint
	inTips   = 'e' // customer → where their log ends
	inHashes = 'h' // tlog.StoredHashIndex → hash
	inHeads  = 'k' // in a room: how many were before → Seq of the event that holds the head
	inLog    = 'l' // seq → leaf
	inBeats  = 'p' // how many were before → Seq of the heartbeat
	inRows   = 'r' // key → row
	inStones = 't' // fold → seq and count of a deleted row
	inRooms  = 'u' // customer, 0 → their log: its hashes, leaves, heads
	inForm   = 'v' // → form
	inSeen   = 'w' // size → checkpoint with the cosignatures of witnesses
)

const form = "lockbox ledger 1"

func at(part byte, n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{part}, uint64(n))
}

func rowAt(key string) []byte { return append([]byte{inRows}, key...) }

// A head is the end of the log as this process knows it: verified, never taken
// from the store on faith.
type head struct {
	tlog.Tree
	note []byte    // the signed checkpoint of Tree
	at   time.Time // of the last event; zero when there is none
}

// A tree is what one Reader holds of the log that ends in head.
type tree struct {
	Reader
	head
	seen map[int64]tlog.Hash // a stored hash never changes
}

func newTree(r Reader, h head) *tree { return &tree{r, h, map[int64]tlog.Hash{}} }

// ReadHashes reads from the store. The hashes are worth nothing until a proof
// has led from them to the head.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		h, ok := t.seen[n]
		if !ok {
			b, err := t.Get(at(inHashes, n))
			if err != nil {
				return nil, err
			}
			if len(b) != len(h) {
				return nil, tampered("hash %d of the log is missing", n)
			}
			h = tlog.Hash(b)
			t.seen[n] = h
		}
		out[i] = h
	}
	return out, nil
}

// prove reads the bytes of event seq, and proves that they are in the log.
func (t *tree) prove(seq int64) ([]byte, tlog.RecordProof, error) {
	if seq < 0 || seq >= t.N {
		return nil, nil, fmt.Errorf("there is no event %d: the log has %d", seq, t.N)
	}
	b, err := t.Get(at(inLog, seq))
	if err != nil {
		return nil, nil, err
	}
	if b == nil {
		return nil, nil, tampered("event %d is missing", seq)
	}
	p, err := tlog.ProveRecord(t.N, seq, t)
	if err != nil {
		return nil, nil, fmt.Errorf("prove event %d: %w", seq, err)
	}
	if tlog.CheckRecord(p, t.N, t.Hash, seq, tlog.RecordHash(b)) != nil {
		return nil, nil, tampered("event %d is not the one that is in the log", seq)
	}
	return b, p, nil
}

// leaf is prove and read.
func (t *tree) leaf(seq int64) (f Leaf, b []byte, err error) {
	if b, _, err = t.prove(seq); err != nil {
		return Leaf{}, nil, err
	}
	f, err = ParseLeaf(b)
	if err == nil && f.Seq != seq {
		err = tampered("event %d stands in the place of event %d", f.Seq, seq)
	}
	return f, b, err
}

// sign makes the checkpoint of a tree (C2SP tlog-checkpoint).
func (o Options) sign(t tlog.Tree) ([]byte, error) {
	text := o.Origin + "\n" + strconv.FormatInt(t.N, 10) + "\n" + t.Hash.String() + "\n"
	b, err := note.Sign(&note.Note{Text: text}, o.Signer)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint: %w", err)
	}
	return b, nil
}

// openCheckpoint gives the tree that v signed for the log origin.
func openCheckpoint(b []byte, v note.Verifier, origin string) (tlog.Tree, error) {
	n, err := note.Open(b, note.VerifierList(v))
	var other *note.UnverifiedNoteError
	switch {
	case errors.As(err, &other):
		return tlog.Tree{}, fmt.Errorf("the checkpoint is not signed by %s (key %08x)", v.Name(), v.KeyHash())
	case err != nil:
		return tlog.Tree{}, fmt.Errorf("the checkpoint does not hold: %w", err)
	}
	for _, s := range n.Sigs { // note.Open takes several spellings of one signature
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return tlog.Tree{}, errors.New("the checkpoint does not hold: malformed signature")
		}
	}
	lines := strings.SplitN(n.Text, "\n", 4) // lines after the third are extensions
	if len(lines) < 4 {
		return tlog.Tree{}, errors.New("the checkpoint has fewer than three lines")
	}
	if lines[0] != origin {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is of the log %q, not of %q", lines[0], origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, fmt.Errorf("the checkpoint has the size %q", lines[1])
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil || hash.String() != lines[2] {
		return tlog.Tree{}, fmt.Errorf("the checkpoint has the root %q", lines[2])
	}
	return tlog.Tree{N: size, Hash: hash}, nil
}

// snapshot is the head of what r sees, which is known or an extension of it.
func (l *Ledger) snapshot(r Reader, known head) (head, error) {
	b, err := r.Get([]byte{inNote})
	if err != nil {
		return head{}, fmt.Errorf("read the checkpoint: %w", err)
	}
	if bytes.Equal(b, known.note) && b != nil {
		return known, nil
	}
	if s := l.signed.Load(); s != nil && bytes.Equal(b, s.note) {
		return *s, nil // our own work, written a moment ago
	}
	return l.follow(r, known, bytes.Clone(b))
}

// follow proves that the checkpoint b is ours and comes after known.
func (l *Ledger) follow(r Reader, known head, b []byte) (head, error) {
	if b == nil {
		return head{}, tampered("the checkpoint is missing")
	}
	t, err := openCheckpoint(b, l.o.Verifier, l.o.Origin)
	switch {
	case err != nil:
		return head{}, tampered("%w", err)
	case t.N < known.N:
		return head{}, tampered("the log went back from %d events to %d", known.N, t.N)
	case t.N == known.N && known.note != nil && t.Hash != known.Hash:
		return head{}, tampered("there are two logs with %d events", t.N)
	case t.N > known.N && known.N > 0:
		p, err := tlog.ProveTree(t.N, known.N, newTree(r, head{}))
		if err != nil {
			return head{}, fmt.Errorf("prove that the log was only added to: %w", err)
		}
		if tlog.CheckTree(p, t.N, t.Hash, known.N, known.Hash) != nil {
			return head{}, tampered("the first %d events are not what they were", known.N)
		}
	}
	h := head{Tree: t, note: b}
	if t.N == 0 || known.note == nil { // while opening, Check reads the last leaf
		return h, nil
	}
	last, _, err := newTree(r, h).leaf(t.N - 1)
	h.at = last.At
	return h, err
}
