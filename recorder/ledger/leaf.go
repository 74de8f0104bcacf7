package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxLeaf is what an entry bundle of C2SP tlog-tiles can hold.
const maxLeaf = 1<<16 - 1

// A Leaf is what the log says of one event, for anyone to read: nothing in it
// is personal. Its bytes are stored and hashed as they were made, and are never
// made again.
type Leaf struct {
	Seq       int64                 `json:"seq"`
	Main      *int64                `json:"main,omitempty"` // in a customer's log: the event's Seq in the main one
	At        time.Time             `json:"at"`             // UTC
	Kind      string                `json:"kind"`
	Actor     Commitment            `json:"actor"`
	Subjects  []string              `json:"subjects,omitempty"`
	Customers []string              `json:"customers,omitempty"` // in whose logs it stands too, sorted; in a customer's log: whose it is
	Detail    map[string]string     `json:"detail,omitempty"`
	Private   map[string]Commitment `json:"private,omitempty"`
	Rows      []RowMark             `json:"rows,omitempty"`   // state written with this event, by Fold
	Erased    []int64               `json:"erased,omitempty"` // events of this log whose personal fields were erased with this one
}

// A RowMark ties one written row to the event. Neither half says which row it
// is, nor that it is the same row as another mark's.
type RowMark struct {
	Fold Commitment `json:"fold"` // to the row's secret and how often it was written: no version can be left out
	Row  Commitment `json:"row"`  // to key and value; of a deleted row, to its end
}

// bytes are the same for the same leaf, always: JSON in this order, without
// what is empty.
func (f Leaf) bytes() []byte {
	p := printer{[]byte(`{"v":1`)}
	p.name("seq").num(f.Seq)
	if f.Main != nil {
		p.name("main").num(*f.Main)
	}
	p.name("at").text(f.At.UTC().Format(time.RFC3339Nano))
	p.name("kind").text(f.Kind)
	p.name("actor").text(f.Actor.String())
	if len(f.Subjects) > 0 {
		list(p.name("subjects"), f.Subjects, p.text)
	}
	if len(f.Customers) > 0 {
		list(p.name("customers"), f.Customers, p.text)
	}
	if len(f.Detail) > 0 {
		object(p.name("detail"), f.Detail, p.text)
	}
	if len(f.Private) > 0 {
		object(p.name("private"), f.Private, func(c Commitment) { p.text(c.String()) })
	}
	if len(f.Rows) > 0 {
		list(p.name("rows"), f.Rows, func(m RowMark) { p.b = append(p.b, m.text()...) })
	}
	if len(f.Erased) > 0 {
		list(p.name("erased"), f.Erased, p.num)
	}
	return append(p.b, '}')
}

// ParseLeaf reads the bytes of a leaf. It takes only what the ledger writes:
// printed again, the leaf has the same bytes.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) > maxLeaf {
		return Leaf{}, fmt.Errorf("read leaf: %d bytes, at most %d", len(b), maxLeaf)
	}
	var f Leaf
	p := parser{rest: string(b)}
	p.raw(`{"v":1`)
	p.raw(`,"seq":`)
	f.Seq = p.num()
	if p.maybe(`,"main":`) {
		n := p.num()
		f.Main = &n
	}
	p.raw(`,"at":`)
	f.At = p.time()
	p.raw(`,"kind":`)
	f.Kind = p.text()
	p.raw(`,"actor":`)
	f.Actor = p.commitment()
	if p.maybe(`,"subjects":`) {
		f.Subjects = readList(&p, p.text)
	}
	if p.maybe(`,"customers":`) {
		f.Customers = readList(&p, p.text)
	}
	if p.maybe(`,"detail":`) {
		f.Detail = readObject(&p, p.text)
	}
	if p.maybe(`,"private":`) {
		f.Private = readObject(&p, p.commitment)
	}
	if p.maybe(`,"rows":`) {
		f.Rows = readList(&p, p.mark)
	}
	if p.maybe(`,"erased":`) {
		f.Erased = readList(&p, p.num)
	}
	p.raw(`}`)
	if p.bad || p.rest != "" || !f.placed() {
		return Leaf{}, errors.New("read leaf: the bytes are not as the ledger writes them")
	}
	return f, nil
}

// placed says whether the leaf can stand where it says it does.
func (f Leaf) placed() bool {
	if checkCustomers(f.Customers) != nil {
		return false
	}
	return f.Main == nil || *f.Main >= f.Seq && len(f.Customers) == 1 && len(f.Rows) == 0
}

// of is the leaf as it stands in the log of a customer, at index n. own gives
// the index there of an event of the main log, or a negative number.
func (f Leaf) of(customer string, n int64, own func(main int64) (int64, error)) (Leaf, error) {
	c := f
	c.Seq, c.Main, c.Customers, c.Rows, c.Erased = n, &f.Seq, []string{customer}, nil, nil
	c.Subjects = slices.DeleteFunc(slices.Clone(f.Subjects), func(s string) bool {
		return s != customer && slices.Contains(f.Customers, s)
	})
	for _, seq := range f.Erased {
		i, err := own(seq)
		if err != nil {
			return Leaf{}, err
		}
		if i >= 0 {
			c.Erased = append(c.Erased, i)
		}
	}
	return c, nil
}

func (p *parser) mark() (m RowMark) {
	p.raw(`{"fold":`)
	m.Fold = p.commitment()
	p.raw(`,"row":`)
	m.Row = p.commitment()
	p.raw(`}`)
	return m
}

func (m RowMark) text() []byte {
	b := append(make([]byte, 0, 128), `{"fold":"`...)
	b = base64.StdEncoding.AppendEncode(b, m.Fold[:])
	b = append(b, `","row":"`...)
	return append(base64.StdEncoding.AppendEncode(b, m.Row[:]), `"}`...)
}

// mark finds what the leaf says of the row whose version has this fold.
func (f Leaf) mark(fold Commitment) (RowMark, bool) {
	i := slices.IndexFunc(f.Rows, func(m RowMark) bool { return m.Fold == fold })
	if i < 0 {
		return RowMark{}, false
	}
	return f.Rows[i], true
}
