package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// did tells in numbers what was done in a session that ended, as the event of its
// end has them: what was typed, read or moved is in the recording, for those who may see it.
func (l *telling) did(e ledger.Event) string {
	d := e.Detail
	if e.Kind != "session.close" {
		return ""
	}
	if d["recovered"] == "true" {
		return l.text("the gateway stopped, so nothing was counted")
	}
	n := func(name string) int64 { v, _ := strconv.ParseInt(d[name], 10, 64); return v } // 0 where there is none
	parts := []string{l.say.within(n("seconds"))}
	for _, c := range []struct{ name, one, many string }{
		{"terminals", "1 terminal", "{n} terminals"}, {"commands", "1 command", "{n} commands"}, {"files", "1 file", "{n} files"},
		{"statements", "1 statement", "{n} statements"}, {"requests", "1 web request", "{n} web requests"}, {"forwards", "1 forwarded connection", "{n} forwarded connections"},
	} {
		switch v := n(c.name); {
		case v < 1:
			continue
		case v == 1:
			parts = append(parts, l.text(c.one))
		default:
			parts = append(parts, l.text(c.many, "n", v))
		}
		if moved := n("file-bytes"); c.name == "files" && moved > 0 {
			parts[len(parts)-1] += " (" + l.say.size(moved) + ")"
		}
	}
	if len(parts) == 1 {
		parts = append(parts, l.text("nothing was run"))
	}
	parts = append(parts, l.text("{size} recorded", "size", l.say.size(n("bytes"))))
	if exit := d["exit"]; exit != "" {
		parts = append(parts, l.text("the last command ended with {exit}", "exit", plain(exit, 20)))
	}
	return strings.Join(parts, ", ")
}

// within is so many seconds in words.
func (l *language) within(seconds int64) string {
	switch {
	case seconds < 60:
		return l.text("less than a minute")
	case seconds < 120:
		return l.text("1 minute")
	case seconds < 3600:
		return l.text("{n} minutes", "n", seconds/60)
	}
	return l.text("{h} h {m} min", "h", seconds/3600, "m", seconds%3600/60)
}

// size is so many bytes in words: "4.1 MiB".
func (l *language) size(n int64) string {
	units, f, i := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}, float64(n), 0
	for ; f >= 1024 && i < len(units)-1; i++ {
		f /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	s := fmt.Sprintf("%.1f %s", f, units[i])
	if l.tag == "da" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// names are those who voted so, in the order in which they did: "Max (executive) and Ann (reviewer)".
func (l *telling) names(v approvals.View, as string) string {
	var all []policy.Vote
	for _, st := range v.Status.Stages {
		for _, b := range slices.Concat(st.Yes, st.No) {
			if b.Standing == "" && (b.Verdict == policy.Yes) == (as == policy.Yes) {
				all = append(all, b)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b policy.Vote) int { return cmp.Compare(a.Seq, b.Seq) })
	var names []string
	for _, b := range all {
		name := l.text("{who} ({role})", "who", plain(b.By.Name, 80), "role", l.role(b.By))
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if n := len(names); n > 1 {
		names = []string{l.text("{some} and {last}", "some", strings.Join(names[:n-1], ", "), "last", names[n-1])}
	}
	return strings.Join(names, "")
}

// besides says how many other requests of the same person wait: whoever is asked
// often looks less. A customer is not told of what concerns others.
func (l *telling) besides(v approvals.View) error {
	if l.who.Kind == policy.Reviewer {
		return nil
	}
	open, err := l.Planner.Desk.MineIn(l.tx, v.Request.Who.ID)
	n := 0
	for _, o := range open {
		if o.Status.Phase == policy.Pending && o.Request.ID != v.Request.ID {
			n++
		}
	}
	if err == nil && n > 0 {
		l.s.Facts = append(l.s.Facts, Fact{"besides", l.text("Also waiting"), l.text("{n} more from {who}", "n", n, "who", plain(v.Request.Who.Name, 80))})
	}
	return err
}

// asked tells somebody that their request is on its way.
func (l *telling) asked(v approvals.View) {
	l.s.Title = l.text("Access request {code}: sent; answer by {when}", "code", v.Request.ID, "when", l.clock(l.answer(v)))
	l.s.Next = l.text("You are told here what is decided, and by whom. Nothing is open before.")
}

// ending tells somebody that their time is nearly up.
func (l *telling) ending(v approvals.View) error {
	if v.Grant == nil || v.Grant.Over(l.tx.Now()) != "" {
		return ErrMoot
	}
	l.s.Title = l.text("Access {code} ends at {when}", "code", v.Request.ID, "when", l.clock(v.Grant.Until()))
	l.s.Lead = l.text("Then it is cut, on {target}. If you need longer, ask for more time now.", "target", plain(v.Request.Target, 80))
	return nil
}
