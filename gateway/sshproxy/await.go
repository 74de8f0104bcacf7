package sshproxy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// sent says that a request is on its way, and to whom.
func (w *way) sent(v approvals.View) {
	w.line("● "+w.say.sent, speech.Clock(v.Request.At), v.Request.ID, w.say.Asks(v))
}

// stands says whose yes a request would have at once, by what they signed
// before; "" when nobody's.
func (s *session) stands(app approvals.Application, a gateway.Answer) string {
	book := s.c.door.Desk.Charter
	if book == nil {
		return ""
	}
	q := policy.Request{
		At: s.c.door.now(), Who: s.c.id.who, Target: app.Target, Login: a.Login, ReadOnly: a.ReadOnly, Actions: a.Actions(), Customers: a.Customers,
		Need: app.Need, For: app.For, Stages: a.Stages(), Rule: a.Rule,
	}
	var whose []string
	err := s.c.door.Gateway.Ledger.View(s.ctx, func(tx *ledger.Tx) error {
		for _, c := range a.Customers {
			m, err := book.Instruction(tx, c, &q)
			if err != nil {
				return err
			}
			if m != nil {
				whose = append(whose, c)
			}
		}
		return nil
	})
	if err != nil || len(whose) == 0 {
		return "" // it is only said beforehand
	}
	say := s.say()
	return say.Stands(strings.Join(say.Names(whose...), ", "))
}

// await waits until the request is decided. Nil means that it was approved.
func (w *way) await(code string) *refusal {
	if !w.patient {
		return &refusal{
			code: gateway.StillAsked, exit: exitPending, target: w.knock.On, request: code, page: "/r/" + code, retry: true,
			why: fmt.Sprintf(w.say.pending, code, w.knock.On), next: w.say.laterOrWait,
		}
	}
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	sights := w.follow(ctx, code)
	w.listen()
	if !w.tty {
		w.line(w.say.waiting, code, w.s.c.door.Portal+"/r/"+code)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	votes := -1 // shown
	var last approvals.View
	t := &talk{w: w, code: code}
	for {
		select {
		case now, ok := <-sights:
			if !ok {
				return w.broken(w.ctx.Err(), code)
			}
			if now.err != nil {
				return w.broken(now.err, code)
			}
			last = now.View
			votes = w.news(last, votes)
			t.hear(last)
			if r := w.outcome(last); r != nil || last.Status.Phase == policy.Approved {
				w.clear()
				return r
			}
			w.waits(last, false)
			t.prompt()
		case <-tick.C:
			if !t.typing() {
				w.waits(last, true)
			}
		case typed, ok := <-w.typed():
			if !w.interrupts(typed, ok) {
				t.take(typed)
				continue
			}
			w.clear()
			r := w.s.left(code)
			r.target = w.knock.On
			return r
		}
	}
}

const (
	ctrlC = 0x03
	enter = '\r'
)

// listen begins to hear what the person types.
func (w *way) listen() {
	if w.tty {
		w.s.typing.listen(w.s.c.spawn)
	}
}

// typed is what the person types while they wait; nobody, without a terminal or at the end of input.
func (w *way) typed() <-chan []byte {
	if !w.tty || w.s.typing.ended {
		return nil
	}
	return w.s.typing.got
}

// interrupts says whether the person wants to leave. ok is false at the end of input.
func (w *way) interrupts(typed []byte, ok bool) bool {
	w.s.typing.ended = !ok
	return slices.Contains(typed, ctrlC)
}

// news tells the votes that are not told yet, and counts them.
func (w *way) news(v approvals.View, told int) int {
	if told < 0 && w.tty && !w.headed {
		w.head(v.Request.Login, v.Request.Customers, v.Request.Stages, v.Request.ID)
		w.sent(v)
	}
	for _, vote := range v.Request.Votes[max(told, 0):] {
		if !w.tty || vote.Stage < 0 || vote.Stage >= len(v.Request.Stages) {
			continue
		}
		w.vote(vote, v)
	}
	return len(v.Request.Votes)
}

// vote tells one vote, with what it is limited to.
func (w *way) vote(vote policy.Vote, v approvals.View) {
	by := w.say.By(vote)
	g := v.Request.Stages[vote.Stage]
	if g.Kind == policy.ByCustomer {
		by += " (" + w.say.Names(g.Customer)[0] + ")"
	}
	switch {
	case vote.Standing != "":
		w.line("✔ %s  %s", speech.Clock(vote.At), w.say.Stands(w.say.Names(g.Customer)[0]))
	case vote.Verdict != policy.Yes:
		w.line("✘ %s  "+w.say.Declined, speech.Clock(vote.At), by)
	default:
		text := fmt.Sprintf(w.say.approved, by, speech.Long(vote.For))
		if terms := w.say.Terms(vote.Terms, v.Now); len(terms) > 0 {
			text += ": " + strings.Join(terms, " · ")
		}
		w.line("✔ %s  %s", speech.Clock(vote.At), speech.Clean(text))
	}
}

// waits shows for whom and since when; once a second, or when it is for somebody else.
func (w *way) waits(v approvals.View, second bool) {
	if v.Request == nil {
		return
	}
	var open []string
	for _, g := range v.Status.Stages {
		if g.Open {
			g.Count = max(1, g.Count-len(g.Yes))
			open = append(open, w.say.Stage(g.Stage))
		}
	}
	text := fmt.Sprintf(w.say.waitingFor, strings.Join(open, w.say.And))
	if second || text != w.shown {
		w.progress("◐ "+speech.Left(w.s.c.door.now().Sub(v.Request.At)), text)
	}
}

// outcome is what the person is told about a request that ended without a yes; nil for any other.
func (w *way) outcome(v approvals.View) *refusal {
	if v.Request == nil {
		return nil
	}
	r := &refusal{exit: exitDenied, target: w.knock.On, request: v.Request.ID, page: "/r/" + v.Request.ID, next: w.say.askAgain}
	switch v.Status.Phase {
	case policy.Rejected:
		r.code, r.why = gateway.WasRejected, fmt.Sprintf(w.say.rejected, v.Request.ID, speech.Noes(v.Status))
	case policy.Expired:
		r.code, r.why = policy.HasExpired, fmt.Sprintf(w.say.expired, v.Request.ID)
	case policy.Withdrawn:
		r.code, r.why = policy.WasRevoked, fmt.Sprintf(w.say.withdrawn, v.Request.ID)
	default:
		return nil
	}
	return r
}
