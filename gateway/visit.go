package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// An Ending is why a visit is over; the person reads Why.
type Ending struct {
	Code policy.Code
	Why  string
}

func (e *Ending) Error() string { return e.Why }

// Codes of endings that policy does not know.
const (
	NoRecorder  policy.Code = "LBX-RECORDER"
	Unreachable policy.Code = "LBX-TARGET"
	StillAsked  policy.Code = "LBX-PENDING"
	WasRejected policy.Code = "LBX-REJECTED"
)

// A Visit is one session: one connection of a person to a target, recorded. It
// begins under one grant, and may go on under those that extend it. It is held
// only while it may be; then its context ends with an *Ending as cause and the
// door closes its sockets. What a door passes on goes through Gate.
type Visit struct {
	Session   recorder.Session
	Recording *recorder.Recording

	g     *Gateway
	knock Knock
	ctx   context.Context
	end   context.CancelCauseFunc
	wg    sync.WaitGroup
	leave sync.Once
	gone  chan struct{} // closed when the end is written down
	poke  chan struct{} // wakes watch

	digest string // hex SHA-256 of the request it was opened under, as that was made

	stirred atomic.Int64 // the newest event after which all has to be proven again
	base    time.Time    // from which open is counted, by the monotonic clock

	open   atomic.Int64 // until when things may pass, a time.Duration since base
	halted atomic.Bool  // nothing may, before that

	obeying sync.Mutex // held by who takes up what people decided; taken before mu

	mu       sync.Mutex // guards the rest
	grant    policy.Grant
	decision policy.Decision
	until    time.Time // when the time is up
	does     []deed    // what was begun in it: all of it has to be allowed
	within   map[deed]policy.Bounds
	standing map[deed]*standing // what was last asked about them; each is never changed
	frozen   Frozen
	lives    bool             // it was begun, and Leave is not under way
	ends     bool             // in the gateway's rush
	sworn    int              // witnesses that cosigned what it rests on
	swearing int              // witnesses that are asked
	next     oath             // what comes next
	deeds    []approvals.Deed // channels that were opened
	unkept   int              // deeds beyond those
	files    filing           // what the log has still to tell of files
	failure  string           // on the way to the target, or on it; "": none
	how      recorder.How     // it is recorded
	sealed   []string         // those whose keys open the recording
	keep     time.Duration    // of its recording; 0: for ever
	halts    halts            // why nothing passes although the time is not up
	watchers map[*place]struct{}
	glances  []glance
	counts   func() map[string]string
	numbers  map[string]int64 // that the event of the end carries
	exit     string           // how the last program ended
	moved    context.Context  // ends, and is replaced, when anything of this changes
	move     context.CancelFunc
}

// Context ends when the visit does; context.Cause gives the *Ending.
func (v *Visit) Context() context.Context { return v.ctx }

// End ends the visit for a reason. The first reason stays. From then on nothing passes.
func (v *Visit) End(why *Ending) {
	v.end(why)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open.Store(-1)
	if v.lives && !v.ends {
		v.ends = true
		v.g.rush.begin()
	}
}

// Grant is what the visit is under now.
func (v *Visit) Grant() policy.Grant {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.grant
}

// Digest is the hex SHA-256 of the request that it is under now, as that was made.
func (v *Visit) Digest(ctx context.Context) (string, error) {
	under := v.Grant().ID
	if under == v.Session.Request && v.digest != "" {
		return v.digest, nil
	}
	seen, err := v.g.Desk.See(ctx, v.Session.Who, under)
	if err != nil {
		return "", fmt.Errorf("read request %s: %w", under, err)
	}
	return seen.Digest, nil
}

// Decision is the last by which it may go on.
func (v *Visit) Decision() policy.Decision {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.decision
}

// Until is when its time is up, as far as is known now.
func (v *Visit) Until() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.until
}

// Visit opens a session for a knock that Enter allows: recording first, then
// the event, then nothing else may fail. The caller must Leave.
func (g *Gateway) Visit(ctx context.Context, k Knock) (*Visit, Answer, error) {
	a, err := g.beforehand(ctx, k)
	if err != nil || a.Verdict != policy.Allow {
		return nil, a, err
	}
	v := &Visit{g: g, knock: k, gone: make(chan struct{}), poke: make(chan struct{}, 1), base: time.Now(), within: map[deed]policy.Bounds{}}
	v.ctx, v.end = context.WithCancelCause(context.WithoutCancel(ctx))
	v.moved, v.move = context.WithCancel(context.Background())
	v.Session = recorder.Session{
		ID: recorder.NewID(time.Now()), Request: a.Grant.ID, Target: k.On, Login: a.Login, Remote: k.From.String(),
		Who: k.Who, Customers: a.Customers, Began: time.Now().UTC(),
	}
	if err := g.record(v, a); err != nil {
		v.End(nil)
		return nil, a, err
	}
	a, seq, err := g.admit(ctx, v, k)
	v.digest = a.digest
	if err != nil || a.Verdict != policy.Allow {
		_, cerr := v.Recording.Close(recorder.CauseNever)
		return nil, a, errors.Join(err, cerr)
	}
	return v.begin(ctx, a, seq)
}

// beforehand answers a knock before there is a recording. A yes is no more than that
// one may be begun: admit enters, in the transaction that opens the session. What
// people are asked to touch for is proven here.
func (g *Gateway) beforehand(ctx context.Context, k Knock) (a Answer, err error) {
	err = g.Ledger.View(ctx, func(tx *ledger.Tx) error {
		if a, err = g.decide(tx, k); err == nil && a.Grant != nil && a.Verdict == policy.Prove {
			a, err = g.proven(tx, a)
		}
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

// admit registers the visit before it asks again, so that whatever ends the
// grant meanwhile finds it, and appends session.open in the transaction that
// asked.
func (g *Gateway) admit(ctx context.Context, v *Visit, k Knock) (a Answer, seq int64, err error) {
	if !g.register(v) {
		return Answer{Decision: policy.Decision{Why: policy.Says("the gateway is closing")}}, 0, nil
	}
	err = g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		if a, err = g.enter(tx, k); err != nil || a.Verdict != policy.Allow {
			return err
		}
		if a.Grant.ID != v.Session.Request { // the recording names the one before
			a.Decision = policy.Decision{Code: policy.HasExpired, Why: policy.Says("the grant was replaced meanwhile; connect again")}
			return nil
		}
		if a.Decision = v.recordable(a.Decision); a.Verdict != policy.Allow {
			return nil
		}
		if err := g.Desk.Activate(tx, a.Grant); err != nil {
			return err
		}
		g.mu.Lock() // Visits reads it
		v.Session.Began = tx.Now()
		g.mu.Unlock()
		a.question.Now, a.question.Grant = tx.Now(), a.Grant // its clock runs now: the rule says until when
		p := g.Desk.Policy()
		if a.Decision = p.Decide(a.question); a.Verdict != policy.Allow {
			return errors.New("the first use of a grant took its access away") // nothing of this transaction is kept
		}
		v.keep = a.Recording.Keep
		v.begins(deed{k.Do, k.To}, p, a)
		came, by := a.Terminal.Came()
		seq, err = tx.Append(ledger.Event{
			Kind: "session.open", Actor: k.Who.ID, Subjects: slices.Concat([]string{v.Session.ID, a.Grant.ID, k.On}, a.Customers), Customers: a.Customers,
			Detail: map[string]string{
				"login": a.Login, came: by, "not-after": a.Grant.NotAfter.Format(time.RFC3339Nano), "binding": a.Terminal.Binding(), "touch-sha256": a.said, "keep": kept(v.keep),
				"sealed-to": strings.Join(v.sealed, ", "),
			},
			Private: map[string]string{"from": k.From.String()},
		})
		if err != nil {
			return err
		}
		return open(tx, stay{Session: v.Session, Opened: seq, Keep: v.keep, Sealed: v.sealed})
	})
	if err != nil || a.Verdict != policy.Allow {
		g.forget(v)
		v.End(nil)
		close(v.gone) // Close may have found it meanwhile
	}
	return a, seq, err
}

func (g *Gateway) register(v *Visit) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	if g.visits == nil {
		g.visits = map[string]*Visit{}
	}
	g.visits[v.Session.ID] = v
	g.guarded()
	return true
}

func (g *Gateway) forget(v *Visit) {
	g.mu.Lock()
	delete(g.visits, v.Session.ID)
	l := g.lookout
	if len(g.visits) > 0 || l == nil {
		g.mu.Unlock()
		return
	}
	g.lookout = nil
	g.mu.Unlock()
	l.stop()
	l.wg.Wait()
}

// May asks again, for one more channel or request of this visit, and proves
// again what it rests on. While the visit is frozen it may nothing.
func (v *Visit) May(ctx context.Context, do policy.Action) (policy.Decision, error) {
	return v.MayTo(ctx, do, "")
}

// MayTo is May for a tunnel, which leads to host:port as rules write it.
func (v *Visit) MayTo(ctx context.Context, do policy.Action, to string) (policy.Decision, error) {
	if f, _ := v.Frozen(); !f.Until.IsZero() {
		return policy.Decision{Code: policy.NotYet, Why: policy.Says("the time is up; this session is frozen while extension %s waits", f.Extension)}, nil
	}
	if h, _ := v.Halted(); h != (Halt{}) {
		return policy.Decision{Code: policy.NotYet, Why: h.sentence()}, nil
	}
	p := v.g.Desk.Policy()
	a, err := v.ask(ctx, deed{do, to}, v.g.enter)
	if a.Decision = v.recordable(a.Decision); err != nil || a.Verdict != policy.Allow {
		return a.Decision, err
	}
	if err := v.keepFor(ctx, a.Recording.Keep); err != nil {
		return policy.Decision{}, err
	}
	v.begins(deed{do, to}, p, a)
	return a.Decision, nil
}

// ask asks about the visit's own grant.
func (v *Visit) ask(ctx context.Context, do deed, ask func(*ledger.Tx, Knock) (Answer, error)) (a Answer, err error) {
	if v.ctx.Err() != nil {
		d := policy.Decision{Code: policy.ByPolicy, Why: policy.Says("%s", context.Cause(v.ctx).Error())}
		if end := (*Ending)(nil); errors.As(context.Cause(v.ctx), &end) {
			d.Code = end.Code
		}
		return Answer{Decision: d}, nil
	}
	k := v.knock
	held := v.Grant()
	k.Do, k.To, k.grant, k.emergency = do.do, do.to, held.ID, held.Emergency
	if v.up() {
		k.now = v.Until() // by the clock that cannot be set back
	}
	err = v.g.Ledger.View(ctx, func(tx *ledger.Tx) (err error) {
		a, err = ask(tx, k)
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

// Leave ends the visit, seals the recording and then writes down the end: the
// event carries the recording's root.
func (v *Visit) Leave() {
	v.leave.Do(func() {
		v.End(&Ending{"", "closed by the person"})
		v.wg.Wait()
		v.cut()
		defer close(v.gone)
		defer v.g.forget(v)
		cause := context.Cause(v.ctx).Error()
		seal, err := v.Recording.Close(unnamed(recorder.Session{Cause: cause}, true)) // signed, in the clear, and for good
		if err != nil {
			v.g.Report(fmt.Errorf("seal recording %s: %w", v.Session.ID, err))
		}
		if err := v.close(cause, seal); err != nil {
			v.g.Report(fmt.Errorf("write down the end of session %s: %w", v.Session.ID, err))
		}
	})
}

// close writes down the end. Nobody waits for it: nothing passes any more, and
// the recording is sealed.
func (v *Visit) close(cause string, seal recorder.Seal) error {
	return v.g.Ledger.UpdateSoon(context.WithoutCancel(v.ctx), func(tx *ledger.Tx) error {
		v.g.mu.Lock() // as in admit
		v.Session.Ended, v.Session.Cause, v.Session.Root = tx.Now(), cause, seal.Root
		v.g.mu.Unlock()
		detail := map[string]string{
			"root": seal.Root, "bytes": strconv.FormatInt(seal.Bytes, 10), "segments": strconv.Itoa(seal.Segments),
			"seconds": strconv.FormatInt(int64(v.Session.Ended.Sub(v.Session.Began).Round(time.Second)/time.Second), 10),
		}
		if end := (*Ending)(nil); errors.As(context.Cause(v.ctx), &end) && end.Code != "" {
			detail["code"] = string(end.Code) // why in words names people
		}
		if err := v.lastFiles(tx); err != nil {
			return err
		}
		if f, _ := v.Frozen(); !f.Until.IsZero() {
			detail["frozen"] = f.Since.Format(time.RFC3339Nano) // nothing passed since
		}
		if slices.ContainsFunc(v.begun(), func(d deed) bool { return d.do == policy.Shell || d.do == policy.Exec }) {
			detail["left"] = "unknown" // what it started on the target may run on (setsid, nohup, tmux): nobody looks
		}
		v.mu.Lock()
		if v.failure != "" {
			detail["target"] = v.failure
		}
		v.tally(detail)
		v.mu.Unlock()
		return shut(tx, v.Session, detail, v.done())
	})
}

// Failed is for what went wrong with the target: the event of the end carries
// the kind of the last one.
func (v *Visit) Failed(kind string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failure = kind
}

// Why is why it ended, as an *Ending where that is known.
func (v *Visit) Why() error { return context.Cause(v.ctx) }
