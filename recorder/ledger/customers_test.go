package ledger_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

// of is an event that concerns customers.
func of(kind string, customers ...string) ledger.Event {
	return ledger.Event{
		Kind: kind, Actor: "eng@example.eu", Subjects: append([]string{"7KQM"}, customers...), Customers: customers,
		Detail: map[string]string{"for": "1h"}, Private: map[string]string{"why": "outage"},
	}
}

// tale fills a ledger with events of two customers, a heartbeat and an
// erasure. Main: 0 x, 1 asked of both, 2 3 heads, 4 nord's, 5 nord's, 6 head,
// 7 heartbeat, 8 erasure of 1, 9 10 heads, 11 ost's, 12 head.
func tale(b *book) (after []map[string]string) {
	add := func(es ...ledger.Event) {
		b.must(func(tx *ledger.Tx) error { return appendAll(tx, es) })
		after = append(after, b.all())
	}
	add(did("x"))
	add(of("request.made", "ost", "nord"))
	add(of("vote.approve", "nord"), of("grant.given", "nord"))
	if err := b.Beat(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.must(func(tx *ledger.Tx) error {
		if err := tx.Erase(1); err != nil {
			return err
		}
		return appendAll(tx, []ledger.Event{did("person.erased")})
	})
	after = append(after, b.all())
	add(of("session.began", "ost"))
	return after
}

func appendAll(tx *ledger.Tx, es []ledger.Event) error {
	for _, e := range es {
		if _, err := tx.Append(e); err != nil {
			return err
		}
	}
	return nil
}

func (b *book) own(customer string) []ledger.Event {
	b.t.Helper()
	es, err := b.Of(customer).After(b.t.Context(), -1, 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	return es
}

func kinds(es []ledger.Event) string {
	var all []string
	for _, e := range es {
		all = append(all, e.Kind)
	}
	return strings.Join(all, " ")
}

func TestACustomersLogHoldsWhatConcernsThem(t *testing.T) {
	b := newBook(t)
	tale(b)
	for who, want := range map[string]string{
		"":     "x request.made log.head log.head vote.approve grant.given log.head log.heartbeat person.erased log.head log.head session.began log.head",
		"nord": "request.made vote.approve grant.given person.erased",
		"ost":  "request.made person.erased session.began",
		"syd":  "",
	} {
		if got := kinds(b.own(who)); got != want {
			t.Errorf("%q: got %s, want %s", who, got, want)
		}
	}
	for who, other := range map[string]string{"nord": "ost", "ost": "nord"} {
		for i, e := range b.own(who) {
			if e.Seq != int64(i) || !cmp.Equal(e.Customers, []string{who}) {
				t.Errorf("%s: got %+v", who, e)
			}
		}
		for k, v := range b.all() {
			if strings.HasPrefix(k, "u"+who) && strings.Contains(v, other) {
				t.Errorf("the log of %s names %s: %s", who, other, v)
			}
		}
	}
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := b.reopen(); err != nil {
		t.Error(err)
	}
}

func TestOneErasureReachesEveryLog(t *testing.T) {
	b := newBook(t)
	b.must(func(tx *ledger.Tx) error { return appendAll(tx, []ledger.Event{of("request.made", "ost", "nord")}) })
	for _, who := range []string{"", "nord", "ost"} {
		if e := b.own(who)[0]; e.Actor != "eng@example.eu" || e.Private["why"] != "outage" {
			t.Errorf("%q: got %+v", who, e)
		}
	}
	b.must(func(tx *ledger.Tx) error {
		if err := tx.Erase(0); err != nil {
			return err
		}
		return appendAll(tx, []ledger.Event{did("x"), did("person.erased")})
	})
	for _, who := range []string{"", "nord", "ost"} {
		es := b.own(who)
		if e := es[0]; e.Actor != ledger.Erased || e.Private["why"] != ledger.Erased {
			t.Errorf("%q: got %+v", who, e)
		}
	}
	p := b.proven("nord", 4)
	f, err := ledger.ParseLeaf(p.Entries[0].Leaf)
	if err != nil || !cmp.Equal(f.Erased, []int64{0}) || *f.Main != 4 || f.Seq != 1 {
		t.Errorf("got %+v, %v", f, err)
	}
	if err := b.reopen(); err != nil {
		t.Error(err)
	}
}

func TestWhoIsConcernedIsChecked(t *testing.T) {
	for want, who := range map[string][]string{
		"":                            {"ost", "nord"},
		"named twice":                 {"nord", "ost", "nord"},
		`"" is no id`:                 {""},
		`"../nord" is no id`:          {"../nord"},
		`"Nord" is no id`:             {"Nord"},
		`"a\nb" is no id`:             {"a\nb"},
		`"nord\x00" is no id`:         {"nord\x00"},
		`"` + strings.Repeat("a", 65): {strings.Repeat("a", 65)},
	} {
		b := newBook(t)
		err := b.Update(t.Context(), func(tx *ledger.Tx) error { _, err := tx.Append(of("x", who...)); return err })
		if !says(err, want) {
			t.Errorf("%q: got %v, want %q", who, err, want)
		}
	}
	for _, kind := range []string{"log.head", "log.heartbeat"} {
		b := newBook(t)
		err := b.Update(t.Context(), func(tx *ledger.Tx) error { _, err := tx.Append(did(kind)); return err })
		if !says(err, "the ledger's own") {
			t.Errorf("%s: got %v", kind, err)
		}
	}
	if _, err := newBook(t).Of("../x").Checkpoint(t.Context()); !says(err, "there is no log") {
		t.Errorf("got %v", err)
	}
}

func (b *book) proven(customer string, seqs ...int64) ledger.Proven {
	b.t.Helper()
	p, err := b.Of(customer).Prove(b.t.Context(), seqs...)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// holds is what an outsider does with the log's key and its name.
func holds(t *testing.T, o ledger.Options, customer string, p ledger.Proven) []ledger.Leaf {
	t.Helper()
	name := origin
	if customer != "" {
		name += "/c/" + customer
	}
	open := func(e ledger.Entry, name string) (ledger.Leaf, proof.Checkpoint) {
		c, err := proof.Open(e.Proof.Checkpoint, name, o.Verifier)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Proof.Holds(e.Leaf, c); err != nil {
			t.Fatal(err)
		}
		f, err := ledger.ParseLeaf(e.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		return f, c
	}
	var all []ledger.Leaf
	for _, e := range p.Entries {
		f, c := open(e, name)
		all = append(all, f)
		if p.Head == nil {
			continue
		}
		h, _ := open(*p.Head, origin)
		if of, tree, ok := h.Head(); !ok || of != name || tree != c.Tree {
			t.Errorf("the head is %s %v, the checkpoint is of %v", of, tree, c.Tree)
		}
	}
	if customer != "" && p.Head == nil {
		t.Error("there is no head")
	}
	return all
}

func TestEntriesAreProvenToOutsiders(t *testing.T) {
	b := newBook(t)
	tale(b)
	for who, seqs := range map[string][]int64{"": {0, 1, 12, 7}, "nord": {8, 1, 4, 5}, "ost": {11, 1}} {
		fs := holds(t, b.o, who, b.proven(who, seqs...))
		for i, f := range fs {
			if who == "" && f.Seq != seqs[i] || who != "" && *f.Main != seqs[i] {
				t.Errorf("%q: got %+v, want event %d", who, f, seqs[i])
			}
		}
	}
	for who, seq := range map[string]int64{"": 13, "nord": 11, "ost": 0, "syd": 1} {
		if _, err := b.Of(who).Prove(t.Context(), seq); err == nil {
			t.Errorf("%q: event %d is proven", who, seq)
		}
	}
	if p := b.proven("nord"); p.Head == nil || len(p.Entries) != 0 {
		t.Errorf("nothing of nord: got %+v, want the head alone", p)
	}
	if p := b.proven("syd"); p.Head != nil || len(p.Entries) != 0 {
		t.Errorf("nothing of nobody: got %+v", p)
	}
}

func (b *book) checkpoint(customer string) proof.Checkpoint {
	b.t.Helper()
	g := b.Of(customer)
	n, err := g.Checkpoint(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := proof.Open(n, g.Origin(), b.o.Verifier)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func TestEveryLogGrows(t *testing.T) {
	b := newBook(t)
	old := map[string][]proof.Checkpoint{}
	step := func(es ...ledger.Event) {
		b.must(func(tx *ledger.Tx) error { return appendAll(tx, es) })
		for _, who := range []string{"", "nord", "ost"} {
			old[who] = append(old[who], b.checkpoint(who))
		}
	}
	step(did("x"))
	for range 7 {
		step(of("a", "nord"), of("b", "nord", "ost"))
		step(of("c", "nord"))
	}
	for who, cs := range old {
		for _, c := range cs {
			g, note, err := b.Of(who).Growth(t.Context(), c.N)
			if err != nil {
				t.Fatal(err)
			}
			newer, err := proof.Open(note, b.Of(who).Origin(), b.o.Verifier)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Holds(c, newer); err != nil {
				t.Errorf("%q from %d: %v", who, c.N, err)
			}
			if err := b.Extends(t.Context(), c); err != nil {
				t.Errorf("%q from %d: %v", who, c.N, err)
			}
		}
	}
	if _, _, err := b.Main().Growth(t.Context(), b.Last()+2); !says(err, "cannot have grown") {
		t.Errorf("got %v", err)
	}
}

func TestHeartbeatsAreFoundByTime(t *testing.T) {
	h := &hands{wall: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b := bookOf(t, h.options(t))
	start := h.wall
	for i := range 20 {
		h.pass(time.Hour)
		if i == 3 || i == 9 {
			b.must(func(tx *ledger.Tx) error {
				return appendAll(tx, []ledger.Event{of("a", "nord"), of("b", "ost", "syd")})
			})
		}
		if err := b.Beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for hour, size := range map[time.Duration]int64{4: 1, 5: 1, 9: 1, 10: 2, 20: 2} {
		for _, at := range []time.Time{start.Add(hour * time.Hour), start.Add(hour*time.Hour - time.Minute)} {
			beat, err := b.Of("nord").Beat(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			f := holds(t, b.o, "", ledger.Proven{Entries: []ledger.Entry{beat.Entry}})[0]
			if err := beat.Holds(f, origin+"/c/nord"); err != nil || beat.Size != size || !f.At.Equal(start.Add(hour*time.Hour)) {
				t.Errorf("hour %d: got %d entries at %s, %v, want %d", hour, beat.Size, f.At, err, size)
			}
			beat.Size++
			if err := beat.Holds(f, origin+"/c/nord"); err == nil {
				t.Errorf("hour %d: another size holds", hour)
			}
		}
	}
	if _, err := b.Of("nord").Beat(t.Context(), start.Add(2*time.Hour)); !says(err, "nothing had concerned customer nord by then") {
		t.Errorf("before the first entry: got %v", err)
	}
	if _, err := b.Main().Beat(t.Context(), h.wall.Add(time.Second)); !says(err, "one is written every hour") {
		t.Errorf("in the future: got %v", err)
	}
	if e, err := b.Main().Beat(t.Context(), start); err != nil || e.Entry.Proof.Index != 0 {
		t.Errorf("of the main log: got %+v, %v", e, err)
	}
	if err := b.reopen(); err != nil {
		t.Error(err)
	}
}

func TestALogThatIsCancelledSaysSo(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	b := newBook(t)
	tale(b)
	if _, err := b.Of("nord").Prove(ctx, 1); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}
