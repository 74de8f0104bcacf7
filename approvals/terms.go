package approvals

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"lockbox/policy"
	"lockbox/policy/statement"
)

const (
	promiseMax = 300 // characters
	laterMost  = 24 * time.Hour
)

// checked puts terms into the one form in which they are signed, or refuses
// them with what can be had instead. left is what earlier votes leave.
func checked(t policy.Terms, q *policy.Request, left []policy.Action, now time.Time) (policy.Terms, error) {
	if t.For == 0 {
		t.For = q.For
	}
	if t.For < time.Minute || t.For > q.For {
		return t, refuse("approve for one minute to %s", q.For)
	}
	if t.NotBefore = t.NotBefore.UTC().Truncate(time.Second); t.NotBefore.IsZero() {
		t.NotBefore = time.Time{}
	}
	switch {
	case t.NotBefore.IsZero():
	case !t.NotBefore.After(now):
		return t, refuse("%s is past; leave the start empty to let it begin at once", t.NotBefore.Format("2006-01-02 15:04 UTC"))
	case t.NotBefore.After(now.Add(laterMost)):
		return t, refuse("it can start at most %s from now; reject it, and let them ask again nearer the time", laterMost)
	}
	if !subset(t.Actions, q.Actions) {
		return t, refuse("only what was asked for can be kept: %s", actions(q.Actions))
	}
	if t.Actions = in(q.Actions, t.Actions); len(t.Actions) == len(q.Actions) {
		t.Actions = nil
	}
	if t.Watched && !watchable(q) {
		return t, refuse("none of those who decide may watch this session; approve without that, or reject it and say why")
	}
	if err := lintPromise(t.Promise); err != nil {
		return t, err
	}
	return t, leaves(t, q, left)
}

// watchable says whether one of those who decide may watch: reviewers do not where
// another customer's data can be seen.
func watchable(q *policy.Request) bool {
	return slices.ContainsFunc(q.Stages, func(s policy.Stage) bool { return s.Kind != policy.ByCustomer || len(q.Customers) == 1 })
}

// in gives those of all that are in part, in the order of all; nil for none.
func in[T comparable](all, part []T) (out []T) {
	for _, a := range all {
		if slices.Contains(part, a) && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// leaves refuses terms under which nothing could be done.
func leaves(t policy.Terms, q *policy.Request, left []policy.Action) error {
	if len(t.Leave(left, q.ReadOnly)) > 0 {
		return nil
	}
	can := policy.Terms{ReadOnly: t.ReadOnly, NoFiles: t.NoFiles}.Leave(left, q.ReadOnly)
	if len(can) > 0 {
		return refuse("these terms leave nothing; of what is asked for, %s can be kept under them", actions(can))
	}
	why := "without file transfer"
	if t.ReadOnly {
		why = "read-only as this login" // nothing keeps a shell from changing things but the login itself
	}
	return refuse("%s nothing is left of what is asked for; %s can be kept as it is. Approve that, or reject it and say what to ask for instead", why, actions(left))
}

// lintPromise checks what the engineer is to promise. "none" is what a statement says where nothing is.
func lintPromise(text string) error {
	if text == "" {
		return nil
	}
	if text != strings.TrimSpace(text) || text == "none" {
		return refuse("a promise is a sentence without space around it; leave it empty to ask for none")
	}
	return lintText("a promise", text, promiseMax)
}

// lintText refuses what must not stand in a text that is shown and kept.
func lintText(what, text string, most int) error {
	if n := utf8.RuneCountInString(text); n > most {
		return refuse("%s has at most %d characters (these are %d)", what, most, n)
	}
	if err := statement.Clean(text); err != nil {
		return refuse("%s is plain text on one line: %v", what, err)
	}
	switch {
	case cprNumber.MatchString(text):
		return refuse("%s seems to hold a CPR number; leave it out, the case number is enough", what)
	case secret.MatchString(text):
		return refuse("%s seems to hold a password, key or token; leave it out and change it, for it has been typed here", what)
	}
	return nil
}

// conditions names what the terms enforce besides time and actions, as a statement says it.
func conditions(t policy.Terms) string {
	var all []string
	if t.ReadOnly {
		all = append(all, "read only")
	}
	if t.NoFiles {
		all = append(all, "no file transfer")
	}
	if t.Watched {
		all = append(all, "nothing passes while none of those who decide watches")
	}
	return or(strings.Join(all, ", "), "none")
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// withheld lists the actions asked for that the terms do not give.
func withheld(t policy.Terms, q *policy.Request) []policy.Action {
	kept := t.Leave(q.Actions, q.ReadOnly)
	return slices.DeleteFunc(slices.Clone(q.Actions), func(a policy.Action) bool { return slices.Contains(kept, a) })
}

// promised is hex SHA-256 over promises in their order: what an acceptance is of.
func promised(all []string) string {
	h := sha256.New()
	h.Write([]byte("lockbox/promises/v1\x00"))
	for _, p := range all {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
