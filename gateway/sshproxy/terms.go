package sshproxy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// promise shows what the person is given and what they have to promise for it,
// and asks. A no loses nothing.
func (w *way) promise(v approvals.View) (yes bool, _ *refusal) {
	w.gap()
	if less := w.say.Less(v); less != "" {
		w.line("%s", less)
	}
	w.line("%s", w.say.promiseHead)
	for _, p := range v.Grant.Promises {
		w.line("  “%s”", speech.Clean(p))
	}
	w.line("%s", w.say.promiseNote)
	answer, err := w.s.form().line(w.say.acceptAsk, "")
	if err != nil {
		return false, w.notAccepted(v.Request.ID)
	}
	return slices.Contains([]string{"y", "yes", "j", "ja"}, strings.ToLower(answer)), nil
}

func (w *way) notAccepted(code string) *refusal {
	return &refusal{
		code: policy.NotYet, exit: exitPending, target: w.knock.On, request: code, page: "/r/" + code, retry: true,
		why: fmt.Sprintf(w.say.NotAccepted, code),
	}
}

// accept gets the promises of a grant. Nil means: ask again.
func (w *way) accept(a gateway.Answer) *refusal {
	code := a.Grant.ID
	v, err := w.s.c.door.Desk.See(w.ctx, w.knock.Who, code)
	if err != nil {
		return w.broken(err, code)
	}
	if !w.tty {
		return &refusal{
			code: policy.NotYet, exit: exitPending, target: w.knock.On, request: code, page: "/r/" + code, retry: true,
			why: fmt.Sprintf(w.say.promisePlain, code, strings.Join(a.Grant.Promises, "” · “")), next: fmt.Sprintf(w.say.acceptPlain, code),
		}
	}
	w.head(a.Login, a.Customers, v.Request.Stages, code)
	yes, r := w.promise(v)
	switch {
	case r != nil:
		return r
	case !yes:
		return w.notAccepted(code)
	}
	if _, err := w.s.c.door.Desk.Accept(w.ctx, w.knock.Who, code); err != nil {
		return w.broken(err, code)
	}
	w.line("✔ "+w.say.Accepted, code)
	return nil
}

// pause waits until a grant may be used. Nil means: ask again.
func (w *way) pause(a gateway.Answer) *refusal {
	code, start := a.Grant.ID, a.Grant.NotBefore
	later := &refusal{
		code: policy.NotYet, exit: exitPending, target: w.knock.On, request: code, page: "/r/" + code, retry: true,
		why: fmt.Sprintf(w.say.startsAt, code, speech.Day(start, w.s.c.door.now())), next: w.say.laterOrWait,
	}
	if !w.patient {
		return later
	}
	later.next = ""
	if a.Request != nil {
		w.head(a.Login, a.Customers, a.Request.Stages, code)
	}
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	sights := w.follow(ctx, code)
	w.listen()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		wait := start.Sub(w.s.c.door.now())
		if wait <= 0 {
			w.clear()
			return nil
		}
		w.progress("◐ "+speech.Left(wait), fmt.Sprintf(w.say.startsAt, code, speech.Day(start, w.s.c.door.now())))
		select {
		case now, ok := <-sights:
			if r := w.given(now, ok, code); r != nil {
				w.clear()
				return r
			}
		case <-tick.C:
		case <-time.After(wait): // to the instant
		case typed, ok := <-w.typed():
			if w.interrupts(typed, ok) {
				w.clear()
				return later
			}
		}
	}
}

// given says why a grant that is waited under gives nothing any more.
func (w *way) given(now sight, ok bool, code string) *refusal {
	switch {
	case !ok:
		return w.broken(w.ctx.Err(), code)
	case now.err != nil:
		return w.broken(now.err, code)
	case now.Grant == nil || now.Grant.Over(now.Now) != "":
		return w.ended(code)
	}
	return nil
}

// declare waits until the person has signed the declaration of confidentiality.
// Nil means: ask again.
func (w *way) declare(a gateway.Answer) *refusal {
	r := &refusal{code: policy.ByPolicy, exit: exitDenied, target: w.knock.On, page: "/me/declaration", why: a.Why.String(), retry: true}
	page := w.s.c.door.Portal + r.page
	r.next = fmt.Sprintf(w.say.declareThere, page)
	if !w.patient {
		return r
	}
	w.head(a.Login, a.Customers, a.Stages(), "")
	w.line("%s", speech.Clean(a.Why.String()))
	w.line(w.say.declareThere, page)
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	changes := w.changes(ctx)
	w.listen()
	for {
		w.progress("◐", w.say.declareWait)
		select {
		case _, ok := <-changes:
			now, err := w.s.c.door.Gateway.Enter(w.ctx, w.knock)
			switch {
			case err != nil, !ok:
				return w.broken(cmp.Or(err, w.ctx.Err(), errGone), "")
			case now.Proof != policy.Declared || now.Verdict != policy.Prove:
				w.line("✔ %s", w.say.declaredNow)
				return nil
			}
		case typed, ok := <-w.typed():
			if w.interrupts(typed, ok) {
				w.clear()
				return w.s.left("")
			}
		}
	}
}

// changes tells of every motion that is made or signed, and once at first, until ctx ends.
func (w *way) changes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{})
	w.s.c.spawn("changes", func() {
		defer close(out)
		book := w.s.c.door.Gateway.Ledger
		tell := func() bool {
			select {
			case out <- struct{}{}:
				return true
			case <-ctx.Done():
				return false
			}
		}
		last := book.Last()
		if !tell() {
			return
		}
		for e, err := range book.Watch(ctx, last) {
			about := strings.HasPrefix(e.Kind, "motion.") || strings.HasPrefix(e.Kind, "policy.")
			if err != nil || about && !tell() {
				return
			}
		}
	})
	return out
}
