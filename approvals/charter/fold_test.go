package charter

import (
	"errors"
	"flag"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A told motion is what its events tell of it, and nothing else.
type told struct {
	Kind  policy.MotionKind
	Phase policy.Phase
	Votes []string // "ceo@x.eu approve"
	Holds bool
	Need  int

	from, until, ended time.Time
	answer             time.Time
}

// A fold is the state of the charter, from the events alone.
type fold struct {
	motions map[string]*told
	pinned  map[string]bool // fingerprints
	wrong   []string        // pins that changed without those whom it takes
}

// read folds the whole log.
func (w *world) fold() fold {
	f := fold{motions: map[string]*told{}, pinned: map[string]bool{}}
	for _, p := range w.crowd.founders {
		f.pinned[p] = true
	}
	events, err := w.Ledger.After(w.t.Context(), -1, 100_000)
	must(w.t, err)
	for _, e := range events {
		w.step(&f, e)
	}
	var now time.Time
	w.view(func(tx *ledger.Tx) error { now = tx.Now(); return nil })
	for _, m := range f.motions {
		m.Holds = m.Phase == policy.Approved && m.ended.IsZero() && !now.Before(m.from) && (m.until.IsZero() || now.Before(m.until))
		if m.Phase == policy.Pending && !now.Before(m.answer) {
			m.Phase = policy.Expired // nobody swept yet
		}
	}
	return f
}

func (w *world) step(f *fold, e ledger.Event) {
	if len(e.Subjects) == 0 {
		return
	}
	m := f.motions[e.Subjects[0]]
	at := func(name string) (t time.Time) {
		if e.Detail[name] != "" {
			var err error
			t, err = time.Parse(time.RFC3339Nano, e.Detail[name])
			must(w.t, err)
		}
		return t
	}
	switch e.Kind {
	case "motion.made":
		need, err := strconv.Atoi(e.Detail["signatures"])
		must(w.t, err)
		f.motions[e.Subjects[0]] = &told{
			Kind: policy.MotionKind(e.Detail["kind"]), Phase: policy.Pending, Need: need, from: at("from"), until: at("until"), answer: at("answer-by"),
		}
	case "motion.sign":
		m.Votes = append(m.Votes, e.Actor+" "+policy.Yes)
	case "motion.oppose":
		m.Votes = append(m.Votes, e.Actor+" "+policy.No)
	case "motion.passed":
		m.Phase = policy.Approved
	case "motion.rejected":
		m.Phase = policy.Rejected
	case "motion.expired":
		m.Phase = policy.Expired
	case "motion.ended":
		if m.ended = e.At; m.Phase == policy.Pending {
			m.Phase = policy.Withdrawn
		}
	case "person.admitted", "person.dismissed":
		w.turned(f, e, m)
		f.pinned[e.Detail["passkey"]] = e.Kind == "person.admitted"
	}
}

// turned counts by hand who carried a change of the pins: those who were pinned themselves, of the same set.
func (w *world) turned(f *fold, e ledger.Event, m *told) {
	about := w.crowd.find(func(h *human) bool { return h.print() == e.Detail["passkey"] })
	carried := 0
	for _, h := range w.crowd.all {
		if slices.Contains(m.Votes, h.ID+" "+policy.Yes) && f.pinned[h.print()] && h.Kind == about.Kind && h.Customer == about.Customer && h != about {
			carried++
		}
	}
	least := 1
	if about.Kind == policy.Executive {
		least = 2
	}
	if carried < max(least, m.Need) {
		f.wrong = append(f.wrong, e.Kind+" "+about.ID)
	}
}

// state is the same from the rows.
func (w *world) state() fold {
	f := fold{motions: map[string]*told{}, pinned: map[string]bool{}}
	aud := policy.Principal{ID: "aud@x.eu", Kind: policy.Auditor}
	all, err := w.List(w.t.Context(), aud)
	must(w.t, err)
	for _, v := range all {
		m := &told{Kind: v.Motion.Kind, Phase: v.Status.Phase, Holds: v.Holds, Need: v.Motion.Stage.Count}
		w.view(func(tx *ledger.Tx) error {
			r, err := load(tx.Verified, v.Motion.ID)
			for _, b := range r.Votes {
				m.Votes = append(m.Votes, b.By.ID+" "+b.Verdict)
			}
			if (r.Phase == policy.Approved) != (v.Status.Phase == policy.Approved) {
				w.t.Errorf("motion %s is %s in its row and %s by its votes", v.Motion.ID, r.Phase, v.Status.Phase)
			}
			_, proof := w.Proven(tx, v.Motion.ID)
			if m.Kind != policy.ToDelegate && (proof == nil) != v.Holds { // a delegation also needs its maker
				w.t.Errorf("motion %s holds %v, proof: %v", v.Motion.ID, v.Holds, proof)
			}
			return err
		})
		f.motions[v.Motion.ID] = m
	}
	for _, id := range w.pinned() {
		f.pinned[w.crowd.find(func(h *human) bool { return h.ID == id }).print()] = true
	}
	return f
}

// check holds the events against the rows.
func (w *world) check(t *rapid.T) {
	got, want := w.state(), w.fold()
	if len(want.wrong) > 0 {
		t.Fatalf("pins changed by nobody who may: %v", want.wrong)
	}
	maps.DeleteFunc(want.pinned, func(_ string, in bool) bool { return !in })
	if d := cmp.Diff(want.pinned, got.pinned); d != "" {
		t.Fatalf("pins: the events (-) and the rows (+) differ:\n%s", d)
	}
	for id, m := range want.motions {
		if g := got.motions[id]; g == nil || g.Phase != m.Phase || g.Holds != m.Holds || g.Need != m.Need || !slices.Equal(g.Votes, m.Votes) {
			t.Fatalf("motion %s: events tell %+v, rows %+v", id, m, g)
		}
	}
	if len(got.motions) != len(want.motions) {
		t.Fatalf("%d motions in rows, %d in events", len(got.motions), len(want.motions))
	}
}

// A script draws commands, right ones and wrong ones.
type script struct {
	*world
	shown []shown
}

// A shown ballot may be answered later, or twice.
type shown struct {
	by *human
	b  Ballot
	a  statement.Assertion
}

func (s *script) anybody(t *rapid.T) *human { return rapid.SampledFrom(s.crowd.all).Draw(t, "who") }

// somebody is often one of those who count, so that something passes.
func (s *script) somebody(t *rapid.T) *human {
	id := rapid.SampledFrom(append(s.pinned(), "")).Draw(t, "one who counts")
	if h := s.crowd.find(func(h *human) bool { return h.ID == id }); h != nil {
		return h
	}
	return s.anybody(t)
}

// who is mostly the person as they are, and sometimes as they would like to be.
func (s *script) who(t *rapid.T, h *human) policy.Principal {
	p := s.as(h)
	if rapid.IntRange(0, 9).Draw(t, "lies") == 0 {
		p.Admitted = true
	}
	return p
}

func (s *script) propose(t *rapid.T) {
	h, about := s.somebody(t), s.anybody(t)
	m := policy.Motion{Kind: rapid.SampledFrom([]policy.MotionKind{
		policy.ToAdmit, policy.ToAdmit, policy.ToAdmit, policy.ToDismiss, policy.ToDismiss, policy.ToSet, policy.ToInstruct, policy.ToDelegate, policy.ToDeclare,
	}).Draw(t, "kind")}
	days := func(most int) time.Time {
		return s.start.Add(s.gone + time.Duration(rapid.IntRange(0, most).Draw(t, "days"))*24*time.Hour)
	}
	switch m.Kind {
	case policy.ToAdmit:
		m = admit(about)
	case policy.ToDismiss:
		m = dismiss(about)
	case policy.ToSet:
		m.Customer, m.Notice, m.Quorum = about.Customer, rapid.Bool().Draw(t, "notice"), rapid.IntRange(0, 3).Draw(t, "quorum")
	case policy.ToInstruct:
		m.Customer, m.Uses, m.For, m.Until, m.Scope.Targets = about.Customer, 1, time.Hour, days(20), []string{"db1.prod"}
	case policy.ToDelegate:
		m.About, m.Key, m.From, m.Until = about.ID, about.print(), days(5), days(20)
	case policy.ToDeclare:
		m.About = "3"
	}
	if rapid.IntRange(0, 9).Draw(t, "wrong key") == 0 {
		m.Key = s.anybody(t).print()
	}
	_, _ = s.Propose(s.t.Context(), s.who(t, h), m) // a refusal is an answer
}

// some gives any motion there is.
func (s *script) some(t *rapid.T) string {
	all, err := s.List(s.t.Context(), policy.Principal{ID: "aud@x.eu", Kind: policy.Auditor})
	must(s.t, err)
	if len(all) == 0 {
		return "NONE"
	}
	all = all[:min(len(all), rapid.SampledFrom([]int{2, 4, 100}).Draw(t, "newest"))]
	return rapid.SampledFrom(all).Draw(t, "motion").Motion.ID
}

func (s *script) sign(t *rapid.T) {
	h := s.somebody(t)
	b, err := s.Prepare(s.t.Context(), s.who(t, h), s.some(t))
	if err != nil {
		return
	}
	a := h.sign(b.Challenge())
	switch rapid.IntRange(0, 9).Draw(t, "how") {
	case 0:
		a = s.anybody(t).sign(b.Challenge())
	case 1:
		a = h.sign(statement.Challenge(statement.ForApproval, b.Statement))
	case 2:
		s.shown = append(s.shown, shown{h, b, a})
		return
	}
	s.shown = append(s.shown, shown{h, b, a})
	_, _ = s.Sign(s.t.Context(), s.who(t, h), b.Nonce, a)
}

// carry has those sign who should, as on a good day.
func (s *script) carry(t *rapid.T) {
	id := s.some(t)
	for _, h := range s.crowd.all {
		if s.as(h).Admitted || rapid.IntRange(0, 3).Draw(t, "others") == 0 {
			_, _ = s.trySign(h, id)
		}
	}
}

func (s *script) replay(t *rapid.T) {
	if len(s.shown) == 0 {
		return
	}
	one, two := rapid.SampledFrom(s.shown).Draw(t, "ballot"), rapid.SampledFrom(s.shown).Draw(t, "answer")
	_, _ = s.Sign(s.t.Context(), s.who(t, one.by), one.b.Nonce, two.a)
}

func (s *script) oppose(t *rapid.T) {
	if rapid.Bool().Draw(t, "rather not") {
		return
	}
	_, _ = s.Oppose(s.t.Context(), s.who(t, s.anybody(t)), s.some(t), "no")
}

func (s *script) end(t *rapid.T) {
	if rapid.Bool().Draw(t, "rather not") {
		return
	}
	_, _ = s.End(s.t.Context(), s.who(t, s.anybody(t)), s.some(t), "")
}

func (s *script) pass(t *rapid.T) {
	s.gone += time.Duration(rapid.SampledFrom([]int{1, 1, 6, 6, 30, 60 * 24, 60 * 24 * 6}).Draw(t, "minutes")) * time.Minute
}

func (s *script) sweep(t *rapid.T) {
	if err := s.Sweep(s.t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestTheEventsAreTheState: whatever anybody tries, folding the events gives the
// rows, and nobody whose passkey is not pinned changes who is.
func TestTheEventsAreTheState(t *testing.T) {
	must(t, flag.Set("rapid.checks", "20"))
	must(t, flag.Set("rapid.steps", "120"))
	passed := map[policy.MotionKind]int{}
	rapid.Check(t, func(rt *rapid.T) {
		s := &script{world: newWorld(t)}
		rt.Repeat(map[string]func(*rapid.T){
			"propose": s.propose, "sign": s.sign, "sign too": s.sign, "carry": s.carry, "propose too": s.propose, "replay": s.replay,
			"oppose": s.oppose, "end": s.end, "pass": s.pass, "sweep": s.sweep, "": s.check,
		})
		for _, m := range s.fold().motions {
			if m.Phase == policy.Approved {
				passed[m.Kind]++
			}
		}
	})
	t.Logf("passed: %v", passed)
	if passed[policy.ToAdmit] == 0 || len(passed) < 3 {
		t.Errorf("the script carries too little to mean anything: %v", passed)
	}
}

// TestErrUnknownIsTheSame for codes that are foreign, unknown and malformed.
func TestErrUnknownIsTheSame(t *testing.T) {
	w := newWorld(t)
	id := w.propose(w.ann, admit(w.cid))
	for _, code := range []string{id, "ZZZZ", "zz", ""} {
		_, one := w.Prepare(t.Context(), w.as(w.syd), code)
		_, two := w.Oppose(t.Context(), w.as(w.syd), code, "")
		_, three := w.End(t.Context(), w.as(w.syd), code, "")
		for _, err := range []error{one, two, three} {
			if !errors.Is(err, ErrUnknown) {
				t.Errorf("%q: got %v", code, err)
			}
		}
	}
}
