package sshproxy

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/console"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// A form asks for lines on a terminal that nobody else writes to meanwhile.
type form struct {
	t     *term.Terminal
	s     *session
	plain bool
}

func (s *session) form() *form {
	s.typing.listen(s.c.spawn)
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{s.typing, s.out}, "")
	return &form{t: t, s: s, plain: s.plain()}
}

// line asks for one line. What stands in brackets counts when nothing is typed.
func (f *form) line(label, otherwise string) (string, error) {
	if t := f.s.terminal(); t.Cols > 0 {
		_ = f.t.SetSize(int(t.Cols), int(max(t.Rows, 1))) // only writes to the terminal
	}
	prompt := "  " + label
	if otherwise != "" {
		prompt += " [" + shortened(otherwise) + "]"
	}
	f.t.SetPrompt(prompt + " › ")
	text, err := f.t.ReadLine()
	if err != nil {
		return "", err
	}
	if text = strings.TrimSpace(text); text == "" {
		text = otherwise
	}
	return text, nil
}

// codes are the kinds of reasons that count here.
func codes(a gateway.Answer) (all []string) {
	for _, r := range a.Reasons() {
		all = append(all, string(r))
	}
	return all
}

func shortened(text string) string {
	if r := []rune(text); len(r) > 24 {
		return string(r[:23]) + "…"
	}
	return text
}

// wrong says what cannot be taken.
func (f *form) wrong(format string, args ...any) {
	_, _ = fmt.Fprintf(f.t, "  ✘ %s\n", speech.Clean(fmt.Sprintf(format, args...))) // who is gone reads nothing
}

// choose asks for one of several, by name or by number. names say more of each.
func (f *form) choose(label string, all []string, names ...string) (string, error) {
	for i, one := range all {
		if i < len(names) && names[i] != one {
			one += "  " + names[i]
		}
		_, _ = fmt.Fprintf(f.t, "    %d  %s\n", i+1, speech.Clean(one)) // as in wrong
	}
	for {
		text, err := f.line(label, "")
		if err != nil {
			return "", err
		}
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(all) {
			return all[n-1], nil
		}
		if slices.Contains(all, text) {
			return text, nil
		}
		f.wrong(f.s.say().chooseOne, len(all))
	}
}

// ask gets a request from the person and submits it. What cannot be taken is
// asked for again, with what was typed as the answer to keep.
func (w *way) ask(a gateway.Answer) *refusal {
	if !w.tty {
		return w.askPlain(a)
	}
	w.head(a.Login, a.Customers, a.Stages(), "")
	if r := w.outcome(approvals.View{Request: a.Request, Status: a.Status}); r != nil {
		w.line("%s %s", mark(*r), r.why)
	} else {
		w.line("%s", fmt.Sprintf(w.say.noGrant, w.knock.On))
	}
	found := w.s.look(w.knock.On)
	f := w.s.form()
	app := approvals.Application{Target: w.knock.On, Login: w.knock.Login, Customer: w.knock.Customer, Do: w.knock.Do, To: w.knock.To, From: w.knock.From}
	for {
		yes, err := f.fill(&app, a)
		if err != nil || !yes {
			return w.s.left("")
		}
		v, err := w.s.c.door.Desk.Submit(w.ctx, w.knock.Who, app)
		var no *approvals.Refusal
		if errors.As(err, &no) {
			f.wrong("%s", no.Why)
			continue
		}
		if err != nil {
			return w.s.failed(err, w.knock.On)
		}
		w.gap()
		w.sent(v)
		if text := w.s.notNow(w.knock.On, found); text != "" {
			w.line("○ %s", text)
		}
		return nil
	}
}

// fill asks for what a request needs, and whether to send it.
func (f *form) fill(app *approvals.Application, a gateway.Answer) (send bool, err error) {
	say := f.s.say()
	if len(a.Reasons()) == 1 {
		app.Need.Reason = a.Reasons()[0]
	} else if app.Need.Reason == "" {
		code, err := f.choose(say.reasonCode, codes(a))
		if err != nil {
			return false, err
		}
		app.Need.Reason = policy.Reason(code)
	}
	if app.Need.Text, err = f.line(say.reason, app.Need.Text); err != nil {
		return false, err
	}
	if err := f.ticket(app, a.Ticket); err != nil {
		return false, err
	}
	if err := f.duration(app, a.Limits); err != nil {
		return false, err
	}
	if stands := f.s.stands(*app, a); stands != "" {
		_, _ = fmt.Fprintf(f.t, "  %s\n", speech.Clean(stands)) // as in wrong
	}
	answer, err := f.line(say.send, "")
	return slices.Contains([]string{"", "y", "yes", "j", "ja"}, strings.ToLower(answer)), err
}

// ticket takes the ticket that the reason begins with, or asks for it.
func (f *form) ticket(app *approvals.Application, pattern string) error {
	if pattern == "" {
		return nil
	}
	for {
		app.Need.Ticket = console.Ticket(app.Need.Text, pattern, app.Need.Ticket)
		if console.IsTicket(app.Need.Ticket, pattern) {
			return nil
		}
		if app.Need.Ticket != "" {
			f.wrong(f.s.say().ticketForm, pattern)
		}
		text, err := f.line(f.s.say().ticket, "")
		if err != nil {
			return err
		}
		app.Need.Ticket = text
	}
}

func (f *form) duration(app *approvals.Application, l policy.Limits) error {
	say := f.s.say()
	otherwise := l.Default
	if app.For > 0 {
		otherwise = app.For
	}
	for {
		text, err := f.line(fmt.Sprintf(say.howLong, speech.Long(l.Max)), speech.Long(otherwise))
		if err != nil {
			return err
		}
		d, ok := speech.ReadLong(text)
		if ok && d >= time.Minute && d <= l.Max {
			app.For = d
			return nil
		}
		f.wrong(say.LongForm, speech.Long(l.Max))
	}
}

// askPlain is for who has no terminal: it submits what the variables say, if the
// person asked to wait, and otherwise says how to ask.
func (w *way) askPlain(a gateway.Answer) *refusal {
	no := refusal{code: policy.NoGrant, exit: exitDenied, why: a.Why.String(), next: fmt.Sprintf(w.say.howToAsk, w.aim()), target: w.knock.On, page: askPage(w.knock.On)}
	if r := w.outcome(approvals.View{Request: a.Request, Status: a.Status}); r != nil {
		no.code, no.why, no.request = r.code, r.why, r.request
	}
	if !w.patient || w.s.option("REASON") == "" {
		return &no
	}
	app := approvals.Application{
		Target: w.knock.On, Login: w.knock.Login, Customer: w.knock.Customer, Do: w.knock.Do, To: w.knock.To, From: w.knock.From,
		Need: policy.Need{Text: w.s.option("REASON"), Reason: policy.Reason(w.s.option("CODE"))},
	}
	app.Need.Ticket = console.Ticket(app.Need.Text, a.Ticket, w.s.option("TICKET"))
	if a.Ticket == "" {
		app.Need.Ticket = w.s.option("TICKET")
	}
	if app.Need.Reason == "" && len(a.Reasons()) == 1 {
		app.Need.Reason = a.Reasons()[0]
	}
	if app.Need.Reason == "" {
		no.code, no.why, no.next = policy.NoGrant, fmt.Sprintf(w.say.WhichCode, strings.Join(codes(a), ", ")), w.say.setCode
		return &no
	}
	if text := w.s.option("FOR"); text != "" {
		app.For, _ = speech.ReadLong(text) // what is no duration asks for the rule's own
	}
	if _, err := w.s.c.door.Desk.Submit(w.ctx, w.knock.Who, app); err != nil {
		r := w.broken(err, "")
		r.page = askPage(w.knock.On)
		return r
	}
	return nil
}

// aim is the target as the command line takes it.
func (w *way) aim() string { return aim{w.knock.Login, w.knock.On}.user() }
