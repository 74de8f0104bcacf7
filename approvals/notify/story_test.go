package notify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A span is a time in which a channel, or the whole process, does not work.
type span struct{ from, to time.Time }

// A post is a channel that breaks when the test says so.
type post struct {
	name  string
	rand  *rand.Rand
	some  func(id string) bool // whom it reaches
	fails []span

	mu   sync.Mutex
	came []Notice
	busy map[string]bool
	bad  []string
}

func (p *post) Name() string { return p.name }

func (p *post) Address(_ *ledger.Tx, who policy.Principal) (string, error) {
	if p.some(who.ID) {
		return who.ID, nil
	}
	return "", nil
}

func (p *post) Send(ctx context.Context, n Notice) error {
	lane := n.To + n.About
	p.mu.Lock()
	if p.busy[lane] {
		p.bad = append(p.bad, "two at a time: "+lane)
	}
	p.busy[lane] = true
	mode := p.rand.IntN(4)
	now := time.Now()
	down := slices.ContainsFunc(p.fails, func(s span) bool { return !now.Before(s.from) && now.Before(s.to) })
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busy[lane] = false
	}()
	if down {
		switch mode {
		case 0:
			<-ctx.Done()
			return ctx.Err()
		case 1:
			panic("the channel's own")
		case 2:
			return &Later{30 * time.Second, errors.New("slow down")}
		}
		return errors.New("refused")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.came = append(p.came, n)
	if mode == 0 { // it came, and the answer was lost
		return errors.New("the line went dead")
	}
	return nil
}

// TestEveryEventArrivesExactlyWhereItShould makes 1,000 random requests while
// channels fail 20 times and the process dies at random steps.
func TestEveryEventArrivesExactlyWhereItShould(t *testing.T) {
	const requests, outages, crashes = 1000, 20, 25
	synctest.Test(t, func(t *testing.T) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 1))
		start := time.Now()
		long := 8 * time.Hour // in which they are made
		var posts []*post
		for i, name := range []string{"mail", "slack"} {
			p := &post{name: name, rand: rand.New(rand.NewPCG(seed, uint64(2+i))), busy: map[string]bool{},
				some: func(id string) bool { return name == "mail" || strings.HasPrefix(id, "c") || id == "eng7@x.eu" }}
			for range outages / 2 {
				from := start.Add(time.Duration(rnd.Int64N(int64(long))))
				p.fails = append(p.fails, span{from, from.Add(time.Duration(rnd.Int64N(int64(40 * time.Minute))))})
			}
			posts = append(posts, p)
		}
		w := newWorld(t, posts[0], posts[1])
		d := &driver{world: w, t: t, rnd: rnd, fate: rand.New(rand.NewPCG(seed, 9))}
		d.run(crashes, func() {
			for i := range requests {
				must(t, pause(t.Context(), time.Duration(rnd.Int64N(int64(2*long)/requests))))
				d.step(i)
				if i%5 == 0 { // each looks at all that are open
					must(t, d.Sweep(t.Context()))
				}
			}
			for range 20 {
				must(t, pause(t.Context(), 6*time.Hour))
				must(t, d.Sweep(t.Context()))
			}
		})
		events := d.events()
		must(t, w.Ledger.Close())
		d.check(oracle(events), posts)
	})
}

// A driver makes requests, and keeps a follower running that dies now and then.
type driver struct {
	*world
	t    *testing.T
	rnd  *rand.Rand // of what people do
	fate *rand.Rand // of the process
	dead []span
	open []string
	by   map[string]string

	again int // notices that came once more
}

// run has work done while a follower runs, dies and is started again.
func (d *driver) run(crashes int, work func()) {
	ctx, stop := context.WithCancel(d.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.live(ctx, crashes) })
	synctest.Wait() // the first start begins at the log's end: nobody is told of what was before
	work()
	stop()
	wg.Wait()
}

var errDied = errors.New("the process died")

// live is a process after the other, each with the outbox as the last one left it.
func (d *driver) live(ctx context.Context, crashes int) {
	for ctx.Err() == nil {
		o, err := OpenOutbox(d.dir + "/notify.db")
		if err != nil {
			d.t.Error(err)
			return
		}
		run, stop := context.WithCancel(ctx)
		if crashes > 0 {
			crashes--
			left := 50 + d.fate.IntN(2500)
			var mu sync.Mutex
			o.step = func() error {
				mu.Lock()
				defer mu.Unlock()
				if left--; left <= 0 {
					stop()
					return errDied
				}
				return nil
			}
		}
		f := &Follower{Ledger: d.Ledger, Planner: d.planner, Outbox: o, Report: func(err error) {
			if !errors.Is(err, errDied) && !strings.Contains(err.Error(), "context canceled") {
				d.t.Error(err)
			}
		}}
		if err := f.Run(run); err != nil && !errors.Is(err, errDied) {
			d.t.Error(err)
		}
		stop()
		if err := o.Close(); err != nil {
			d.t.Error(err)
		}
		if ctx.Err() != nil {
			return
		}
		died := time.Now()
		_ = pause(ctx, time.Duration(d.fate.Int64N(int64(20*time.Minute)))) // of ctx
		d.dead = append(d.dead, span{died, time.Now()})
	}
}

// step makes the i-th request and does something to two that were made before.
func (d *driver) step(i int) {
	if d.by == nil {
		d.by = map[string]string{}
	}
	who := fmt.Sprintf("eng%d@x.eu", i%engineers)
	code := d.submit(d.t, who, []string{"support_nord", "support_syd"}[d.rnd.IntN(2)])
	d.open, d.by[code] = append(d.open, code), who
	for range 3 {
		d.deed(d.open[max(0, len(d.open)-1-d.rnd.IntN(40))])
		must(d.t, pause(d.t.Context(), time.Millisecond))
	}
}

func (d *driver) deed(code string) {
	ctx := d.t.Context()
	voters := []string{"ceo@x.eu", "cto@x.eu", "dep@x.eu", "ann@nord.x", "abe@nord.x", "bo@syd.x"}
	voter := voters[d.rnd.IntN(len(voters))]
	var err error
	switch d.rnd.IntN(8) {
	case 0, 1, 2, 3:
		err = d.approve(voter, code)
	case 4:
		_, err = d.Reject(ctx, d.who(voter), code, "")
	case 5:
		err = d.Withdraw(ctx, d.who(d.by[code]), code)
	case 6:
		_, err = d.Say(ctx, d.who([]string{"ceo@x.eu", d.by[code]}[d.rnd.IntN(2)]), code, "", "which rows are these")
	case 7:
		err = d.Revoke(ctx, d.who("ceo@x.eu"), code, "")
	}
	if r := (*approvals.Refusal)(nil); err != nil && !errors.As(err, &r) && !errors.Is(err, approvals.ErrUnknown) {
		d.t.Fatal(err)
	}
}

func (d *driver) events() (all []ledger.Event) {
	for at := int64(-1); ; {
		page, err := d.Ledger.After(d.t.Context(), at, 1000)
		must(d.t, err)
		if len(page) == 0 {
			return all
		}
		all, at = append(all, page...), page[len(page)-1].Seq
	}
}

// check holds what came against what should have.
func (d *driver) check(want map[string][]due, posts []*post) {
	t := d.t
	o := d.outbox(t)
	waiting, err := o.waiting()
	must(t, err)
	dead, err := o.Dead()
	must(t, err)
	must(t, o.Close())
	if len(waiting)+len(dead) > 0 {
		t.Errorf("%d wait and %d were given up", len(waiting), len(dead))
	}
	arrived, missed := 0, 0
	for _, p := range posts {
		for _, bad := range p.bad {
			t.Error(bad)
		}
		a, m := d.checkPost(want, p)
		arrived, missed = arrived+a, missed+m
	}
	t.Logf("%d notices arrived, %d of them more than once; %d did not matter any more", arrived, d.again, missed)
	if arrived < 5000 || missed == 0 || d.again < 500 {
		t.Errorf("the test tries too little: %d arrived, %d missed", arrived, missed)
	}
}

// inOrder gives what came over one channel, by request, as a reader sees it who
// knows a notice by its ID; and finds what came out of order, or again as something new.
func (d *driver) inOrder(p *post) map[string]map[told]bool {
	came, last := map[string]map[told]bool{}, map[string]int64{}
	read, id := map[string]bool{}, map[string]string{}
	for _, n := range p.came {
		same := fmt.Sprint(n.To, n.Topic, n.About, n.Seq, n.Stage, n.Rung)
		if id[same] != "" && id[same] != n.ID {
			d.t.Errorf("%s: one notice came with two ids: %+v", p.name, n)
		}
		if id[same] = n.ID; read[n.ID] {
			d.again++
			continue
		}
		read[n.ID] = true
		if came[n.About] == nil {
			came[n.About] = map[told]bool{}
		}
		came[n.About][told{n.To, n.Topic, n.Kind, n.Stage, n.Rung}] = true
		lane := n.To + n.About
		if n.Seq < last[lane] {
			d.t.Errorf("%s: event %d after %d of %s to %s", p.name, n.Seq, last[lane], n.About, n.To)
		}
		last[lane] = n.Seq
	}
	return came
}

func (d *driver) checkPost(want map[string][]due, p *post) (arrived, missed int) {
	came := d.inOrder(p)
	impaired := slices.Concat(p.fails, d.dead)
	for code := range d.by {
		asked, wanted := map[string]bool{}, map[told]bool{}
		for n := range came[code] {
			asked[n.to] = asked[n.to] || n.topic == Waits
		}
		for _, w := range want[code] {
			if !p.some(w.to) {
				continue
			}
			wanted[w.told] = true
			switch {
			case came[code][w.told]:
				arrived++
			case w.maybe:
			case w.topic != Decided && !w.moot.IsZero() && w.moot.Sub(w.at) < tooShort, // over before anybody could be told
				w.topic != Decided && !w.moot.IsZero() && overlaps(impaired, w.at, w.moot),
				w.topic == Decided && !w.always && !asked[w.to]:
				missed++
			default:
				d.t.Errorf("%s: %s never came: %+v at %v, moot %v", p.name, code, w.told, w.at, w.moot)
			}
		}
		for n := range came[code] {
			if !wanted[n] {
				d.t.Errorf("%s: %s came to where it should not: %+v", p.name, code, n)
			}
		}
	}
	return arrived, missed
}

// tooShort is within what a notice may come or not, if it is over by then: before it is
// sent, others may hold all hands for some of the outbox's batches of 2 ms each.
const tooShort = 50 * time.Millisecond

// overlaps says whether something was broken between two instants, or so shortly before that what failed then was still to be tried.
func overlaps(all []span, from, to time.Time) bool {
	return slices.ContainsFunc(all, func(s span) bool { return s.from.Before(to) && s.to.Add(slowest+time.Minute).After(from) })
}
