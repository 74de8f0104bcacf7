package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// What the ledger alone appends.
const (
	kindHead = "log.head"      // a customer's log has grown to what Detail says
	kindBeat = "log.heartbeat" // one root over the heads of all customers' logs
)

// A room is the part of the store that one customer's log has to itself. Keys
// in it are as those of the main log.
type room struct {
	Reader
	name string
}

func roomOf(customer string) string { return string(rune(inRooms)) + customer + "\x00" }

func (r room) Get(key []byte) ([]byte, error) { return r.Reader.Get(append([]byte(r.name), key...)) }

func (r room) Scan(prefix []byte, fn func(k, v []byte) (bool, error)) error {
	return r.Reader.Scan(append([]byte(r.name), prefix...), func(k, v []byte) (bool, error) { return fn(k[len(r.name):], v) })
}

// A tip says where a customer's log ends. It is worth nothing until the entry
// of the main log that holds the head agrees.
type tip struct {
	size  int64 // entries
	heads int64 // entries of the main log that hold a head of it
	head  int64 // the Seq of the last of them; -1 while there is none
	under int64 // the entries that head covers: all of them, but inside a commit
}

func tipAt(customer string) []byte { return append([]byte{inTips}, customer...) }

func (p tip) bytes() []byte {
	b := []byte{1}
	for _, n := range []int64{p.size, p.heads, p.head, p.under} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

var errTip = errors.New("the end of the log is not in the form the ledger writes")

func parseTip(b []byte) (tip, error) {
	if len(b) != 1+4*8 || b[0] != 1 {
		return tip{}, errTip
	}
	n := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[1+8*i:])) }
	p := tip{n(0), n(1), n(2), n(3)}
	if p.under < 0 || p.size < p.under || p.heads < 0 || p.head < -1 || (p.head < 0) != (p.heads == 0) {
		return tip{}, errTip
	}
	return p, nil
}

// tip is of no entries where nothing concerned the customer yet.
func (g Log) tip(r Reader) (tip, error) {
	b, err := r.Get(tipAt(g.customer))
	if err != nil || b == nil {
		return tip{head: -1}, err
	}
	p, err := parseTip(b)
	if err != nil {
		return tip{}, g.tampered("%w", err)
	}
	return p, nil
}

func (g Log) tampered(format string, args ...any) error {
	return tampered("the log of customer %s: %w", g.customer, fmt.Errorf(format, args...))
}

// branch is the customer's log as the main log has it.
func (g Log) branch(main *tree) (*tree, tip, error) {
	p, err := g.tip(main.Reader)
	if err != nil {
		return nil, p, err
	}
	b, err := g.at(main, p.head)
	switch {
	case err != nil:
		return nil, p, err
	case b.N != p.under || b.N != p.size:
		return nil, p, g.tampered("it is said to have %d entries, and event %d of the main log says %d", p.size, p.head, b.N)
	}
	return b, p, g.l.tips.hold(g, p, main.N)
}

// at is the customer's log as event head of the main log has it; of -1, before there was any.
func (g Log) at(main *tree, head int64) (*tree, error) {
	b := newTree(room{main.Reader, roomOf(g.customer)}, emptyHead())
	if head < 0 {
		return b, nil
	}
	f, _, err := main.leaf(head)
	if err != nil {
		return nil, err
	}
	origin, t, ok := f.Head()
	if !ok || origin != g.Origin() {
		return nil, g.tampered("event %d of the main log holds no head of it", head)
	}
	b.Tree = t
	return b, nil
}

func emptyHead() head {
	h, _ := tlog.TreeHash(0, nil) // of nothing: a constant
	return head{Tree: tlog.Tree{Hash: h}}
}

// Head is what an entry of the main log says of a customer's log: that this is
// its whole tree. Not ok is every entry that holds no head.
func (f Leaf) Head() (origin string, t tlog.Tree, ok bool) {
	if f.Kind != kindHead || f.Main != nil || len(f.Detail) != 3 || len(f.Subjects) != 1 {
		return "", tlog.Tree{}, false
	}
	n, err := strconv.ParseInt(f.Detail["size"], 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != f.Detail["size"] {
		return "", tlog.Tree{}, false
	}
	h, err := tlog.ParseHash(f.Detail["root"])
	if err != nil || h.String() != f.Detail["root"] {
		return "", tlog.Tree{}, false
	}
	return f.Detail["origin"], tlog.Tree{N: n, Hash: h}, f.Detail["origin"] != ""
}

// headEvent is the one that Head reads.
func (g Log) headEvent(t tlog.Tree) Event {
	return Event{Kind: kindHead, Actor: "lockbox", Subjects: []string{g.customer}, Detail: map[string]string{
		"origin": g.Origin(), "size": strconv.FormatInt(t.N, 10), "root": t.Hash.String(),
	}}
}

// index finds the entry of a customer's log that is event main of the main one;
// -1: it does not concern the customer. It believes the store: whoever rests
// something on the entry proves it.
func (t *tree) index(main int64) (int64, error) {
	lo, hi := int64(0), t.N
	for lo < hi {
		mid := lo + (hi-lo)/2
		b, err := t.Get(at(inLog, mid))
		if err != nil {
			return 0, err
		}
		f, err := ParseLeaf(b)
		switch {
		case err != nil || f.Main == nil:
			return 0, tampered("entry %d of a customer's log cannot be read", mid)
		case *f.Main == main:
			return mid, nil
		case *f.Main < main:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return -1, nil
}

// headBefore finds the last of the heads of a customer's log that stands in the
// main log before seq; -1: there is none.
func (g Log) headBefore(main *tree, p tip, seq int64) (int64, error) {
	if p.head < seq {
		return p.head, nil
	}
	found, lo, hi := int64(-1), int64(0), p.heads
	for lo < hi {
		mid := lo + (hi-lo)/2
		s, err := seqAt(room{main.Reader, roomOf(g.customer)}, at(inHeads, mid))
		switch {
		case err != nil:
			return 0, g.tampered("head %d of it: %w", mid, err)
		case s < seq:
			found, lo = s, mid+1
		default:
			hi = mid
		}
	}
	return found, nil
}

func seqAt(r Reader, key []byte) (int64, error) {
	b, err := r.Get(key)
	if err == nil && len(b) != 8 {
		err = errors.New("its place is not noted")
	}
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}
