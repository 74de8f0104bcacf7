package portal

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
)

const promiseMax = 300 // characters

// A lessForm is how somebody can say yes to less than was asked.
type lessForm struct {
	Most     time.Duration
	Actions  []actionChoice // to tick off; where there are several
	ReadOnly string         // what it takes away; "" where it is not offered
	NoFiles  string         // likewise
	Watched  bool           // it asks already that somebody watches
	Zones    []string
	In       filled
}

type actionChoice struct {
	Action policy.Action
	Name   string
}

// less offers what the votes so far have left, and only what would make a difference.
func (x *exchange) less(v approvals.View, in filled) lessForm {
	left := v.Status.Actions
	f := lessForm{Most: v.Status.For, Zones: zones(), In: in}
	if len(left) > 1 {
		for _, a := range left {
			f.Actions = append(f.Actions, actionChoice{a, x.say.action(a)})
		}
	}
	f.ReadOnly = x.taken(v, policy.Terms{ReadOnly: true})
	f.NoFiles = x.taken(v, policy.Terms{NoFiles: true})
	f.Watched = v.Status.Watched
	return f
}

// Ticked says whether an action stands ticked: all of them do at first.
func (f lessForm) Ticked(a policy.Action) bool {
	return f.In.values == nil || !f.In.Has("less", "yes") || f.In.Has("action", string(a))
}

// taken says what the terms would take away; "" where that is nothing, or all.
func (x *exchange) taken(v approvals.View, t policy.Terms) string {
	left := t.Leave(v.Status.Actions, v.Request.ReadOnly)
	if len(left) == 0 || len(left) == len(v.Status.Actions) {
		return ""
	}
	var gone []string
	for _, a := range v.Status.Actions {
		if !slices.Contains(left, a) {
			gone = append(gone, x.say.action(a))
		}
	}
	return x.say.join(gone)
}

// terms reads what a yes is limited to. field and why say what is wrong with them.
func (x *exchange) terms(v approvals.View) (t policy.Terms, field, why string) {
	t.For = v.Status.For
	if s := x.value("for"); s != "" {
		n, err := strconv.Atoi(s)
		if t.For = time.Duration(n) * time.Minute; err != nil || n < 1 || n > 24*60 || t.For > v.Status.For {
			return t, "for", x.say.text("Write whole minutes, from 1 to {n}.", "n", wholeMinutes(v.Status.For))
		}
	}
	if t.NotBefore, why = x.instant("later"); why != "" {
		return t, "later-date", why
	}
	if !t.NotBefore.IsZero() && !t.NotBefore.After(v.Now) {
		return t, "later-date", x.say.text("That time has passed. Leave it empty for at once.")
	}
	t.ReadOnly, t.NoFiles = x.value("read-only") == "yes", x.value("no-files") == "yes"
	t.Watched = x.value("watched") == "yes"
	if t.Promise = x.line("promise"); t.Promise != "" {
		if utf8.RuneCountInString(t.Promise) > promiseMax || statement.Clean(t.Promise) != nil {
			return t, "promise", x.say.text("A promise is plain text of at most {n} characters.", "n", promiseMax)
		}
	}
	if x.value("less") == "yes" && len(v.Status.Actions) > 1 {
		ticked := slices.DeleteFunc(slices.Clone(v.Status.Actions), func(a policy.Action) bool {
			return !slices.Contains(x.r.PostForm["action"], string(a))
		})
		if len(ticked) == 0 {
			return t, "action", x.say.text("Leave at least one of them, or decline.")
		}
		if len(ticked) < len(v.Status.Actions) {
			t.Actions = ticked
		}
	}
	if len(t.Leave(v.Status.Actions, v.Request.ReadOnly)) == 0 {
		return t, "action", x.say.text("Together these leave nothing that could be done. Take one of them back, or decline.")
	}
	return t, "", ""
}

// termField is the field that a refusal of the desk about terms belongs to.
func termField(why string) string {
	return fieldIn(why, []fieldWord{
		{"approve for", "for"}, {"promise", "promise"}, {"start", "later-date"}, {"before", "later-date"}, {"action", "action"}, {"read", "read-only"}, {"file", "no-files"}, {"watch", "watched"},
	})
}

// A termFacts is what a yes is limited to, in words; only what is less than asked.
type termFacts struct {
	Shorter   time.Duration
	NotBefore time.Time
	Only      []string
	ReadOnly  bool
	NoFiles   bool
	Watched   bool
	Promise   string
}

// Any says whether it is limited at all.
func (t termFacts) Any() bool {
	return t.Shorter > 0 || !t.NotBefore.IsZero() || len(t.Only) > 0 || t.ReadOnly || t.NoFiles || t.Watched || t.Promise != ""
}

func (x *exchange) termFacts(t policy.Terms, asked time.Duration) (f termFacts) {
	if t.For > 0 && t.For < asked {
		f.Shorter = t.For
	}
	f.NotBefore, f.ReadOnly, f.NoFiles, f.Watched, f.Promise = t.NotBefore, t.ReadOnly, t.NoFiles, t.Watched, t.Promise
	for _, a := range t.Actions {
		f.Only = append(f.Only, x.say.action(a))
	}
	return f
}

// action names an action.
func (l *language) action(a policy.Action) string {
	switch a {
	case policy.Shell:
		return l.text("a terminal")
	case policy.Exec:
		return l.text("single commands")
	case policy.SFTPGet:
		return l.text("fetching files")
	case policy.SFTPPut:
		return l.text("putting files there")
	case policy.Forward:
		return l.text("network tunnels")
	case policy.Agent:
		return l.text("the SSH keys of one's own computer")
	case policy.X11:
		return l.text("windows on one's own screen")
	case policy.HTTPGet:
		return l.text("reading web pages")
	case policy.HTTPPut:
		return l.text("changing things through web pages")
	}
	return string(a)
}
