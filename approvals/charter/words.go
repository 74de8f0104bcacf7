package charter

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
)

// A form is the statement of one kind of motion.
type form interface{ Bytes() ([]byte, error) }

// A signing is who signs which motion.
type signing struct {
	log    string
	m      *policy.Motion
	digest string // of the motion's stored bytes
	by     policy.Principal
	nonce  string
}

// domain keeps a signature on one kind of motion from counting for another; ""
// of a kind that is not known.
func domain(k policy.MotionKind) statement.Domain {
	return map[policy.MotionKind]statement.Domain{
		policy.ToAdmit: statement.ForAdmit, policy.ToDismiss: statement.ForDismiss, policy.ToActivate: statement.ForActivate,
		policy.ToSet: statement.ForSettings, policy.ToInstruct: statement.ForStanding, policy.ToDelegate: statement.ForDelegate,
		policy.ToDeclare: statement.ForDeclare, policy.ToRecover: statement.ForRecover, policy.ToErase: statement.ForErase,
		policy.ToRatify: statement.ForRatify, policy.ToSeal: statement.ForSeal, policy.ToReview: statement.ForReview,
	}[k]
}

// statement is what is signed, field by field. Both who signs and who verifies
// build it here, so that nothing in it is believed.
func (s signing) statement() ([]byte, error) {
	f, err := s.form()
	if err != nil {
		return nil, err
	}
	return f.Bytes()
}

func (s signing) form() (form, error) {
	m := s.m
	all := statement.Matter{
		Log: s.log, Motion: m.ID, Digest: s.digest, Proposer: person(m.By), Whose: matter(m), Text: or(readable(m.Text), "none"),
		Takes: takes(m.Stage), Decision: policy.Yes, Decider: person(s.by), Nonce: s.nonce,
	}
	about := fmt.Sprintf("%s <%s>", m.Name, m.About)
	switch m.Kind {
	case policy.ToAdmit:
		return statement.Admit{Matter: all, Person: about, Key: m.Key}, nil
	case policy.ToDismiss:
		return statement.Dismiss{Matter: all, Person: about, Key: or(m.Key, "all")}, nil
	case policy.ToActivate:
		return statement.Activate{Matter: all, Policy: m.About, Config: m.Config}, nil
	case policy.ToSet:
		return statement.Settings{Matter: all, Notice: consent(m), Quorum: quorum(m)}, nil
	case policy.ToInstruct:
		return statement.Standing{Matter: all, Span: span(m), Uses: strconv.Itoa(m.Uses), Each: m.For.String()}, nil
	case policy.ToDelegate:
		return statement.Delegate{Matter: all, Person: about, Key: m.Key, Span: span(m)}, nil
	case policy.ToDeclare:
		return statement.Declare{Matter: all, Version: m.About, Declaration: declared(m)}, nil
	case policy.ToRecover:
		return statement.Recover{Matter: all, Person: about, Ends: recoverEnds, Then: recoverThen}, nil
	case policy.ToErase:
		if id := m.Recording(); id != "" {
			return statement.Erase{Matter: all, Person: "the recording of session " + id, Erases: shredWhat, Keeps: shredKeeps, Undone: eraseUndone}, nil
		}
		return statement.Erase{Matter: all, Person: about, Erases: eraseWhat, Keeps: eraseKeeps, Undone: eraseUndone}, nil
	case policy.ToRatify:
		return statement.Ratify{Matter: all, Request: m.About, Asked: m.Config, Then: ratifies(m)}, nil
	case policy.ToSeal:
		return statement.Seal{Matter: all, Batch: m.About, Codes: m.Config, Worth: sealWorth}, nil
	case policy.ToReview:
		return statement.Review{Matter: all, Week: m.About, Digest: m.Config, Says: reviewSays}, nil
	}
	return nil, fmt.Errorf("a motion to %q has no statement", string(m.Kind))
}

// nonceIn reads the nonce of a statement of this kind.
func nonceIn(k policy.MotionKind, text []byte) (nonce string, err error) {
	switch k {
	case policy.ToAdmit:
		f, err := statement.ParseAdmit(text)
		return f.Nonce, err
	case policy.ToDismiss:
		f, err := statement.ParseDismiss(text)
		return f.Nonce, err
	case policy.ToActivate:
		f, err := statement.ParseActivate(text)
		return f.Nonce, err
	case policy.ToSet:
		f, err := statement.ParseSettings(text)
		return f.Nonce, err
	case policy.ToInstruct:
		f, err := statement.ParseStanding(text)
		return f.Nonce, err
	case policy.ToDelegate:
		f, err := statement.ParseDelegate(text)
		return f.Nonce, err
	case policy.ToDeclare:
		f, err := statement.ParseDeclare(text)
		return f.Nonce, err
	case policy.ToRecover:
		f, err := statement.ParseRecover(text)
		return f.Nonce, err
	case policy.ToErase:
		f, err := statement.ParseErase(text)
		return f.Nonce, err
	case policy.ToRatify:
		f, err := statement.ParseRatify(text)
		return f.Nonce, err
	case policy.ToSeal:
		f, err := statement.ParseSeal(text)
		return f.Nonce, err
	case policy.ToReview:
		f, err := statement.ParseReview(text)
		return f.Nonce, err
	}
	return "", fmt.Errorf("a motion to %q has no statement", string(k))
}

// What a recovery and an erasure say. They are part of what is signed: another
// wording is another version of the form.
const (
	recoverEnds = "every passkey, SSH key and session of this person, at once"
	recoverThen = "one link for one new passkey, good for 24 hours, shown to the proposer; the new passkey counts for nothing until others have compared its fingerprint"
	eraseWhat   = "their name and address, and what they and others wrote about their requests, wherever this ledger keeps it"
	eraseKeeps  = "the log and its proofs, in which none of it can be read any more"
	shredWhat   = "the key of the recording, in every copy that this gateway keeps or sent away: nobody can open it again"
	shredKeeps  = "the log and its proofs: that there was a session, whose, where and when, and the hashes of what was recorded"
	eraseUndone = "never, by nobody"
	ratifyRight = "breaking the glass for this was right; nothing is locked for it"
	ratifyLate  = "the time to ratify this was missed; the person and the target that are locked for it are unlocked"
	reviewSays  = "I have read what was asked, decided and done in this week; this permits nothing"
	sealWorth   = "one of these codes opens nothing by itself: it takes a second person's passkey and the engineer's own besides, for an hour at most"
)

// Late is how many executives settle what was not ratified in time.
const Late = 2

// ratifies is what a motion to ratify does: it takes more signatures when it comes late.
func ratifies(m *policy.Motion) string {
	if m.Stage.Count >= Late {
		return ratifyLate
	}
	return ratifyRight
}

func person(p policy.Principal) string {
	kind := string(p.Kind)
	if p.Customer != "" {
		kind += " " + p.Customer
	}
	return fmt.Sprintf("%s <%s> (%s)", p.Name, p.ID, kind)
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// readable puts text on one line; where a line ended it shows ¶.
func readable(text string) string {
	return strings.ReplaceAll(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n", " ¶ ")
}

// matter says whose it is.
func matter(m *policy.Motion) string {
	if m.Stage.Kind == policy.BySelf {
		return "one's own, of " + m.By.ID
	}
	return deciders(m.Stage)
}

// deciders names those whom a stage asks.
func deciders(s policy.Stage) string {
	switch s.Kind {
	case policy.ByExecutive:
		return "executives"
	case policy.ByCustomer:
		return "reviewers of customer " + s.Customer
	}
	return string(s.Kind)
}

func takes(s policy.Stage) string {
	switch {
	case s.Kind == policy.BySelf:
		return "this signature alone"
	case s.Count == 1:
		return "1 signature of " + deciders(s)
	}
	return fmt.Sprintf("%d signatures of %s", s.Count, deciders(s))
}

func consent(m *policy.Motion) string {
	text := "consent is asked for"
	if m.Notice {
		text = "to be told is enough"
	}
	if m.Never {
		text += "; the glass is never broken where its data is"
	}
	return text
}

func quorum(m *policy.Motion) string {
	if m.Quorum == 0 {
		return "as the rule says"
	}
	return fmt.Sprintf("%d of its reviewers", m.Quorum)
}

func span(m *policy.Motion) statement.Span {
	s := m.Scope
	return statement.Span{
		Targets: list(s.Targets), Logins: list(s.Logins), Actions: list(s.Actions), Reasons: list(s.Reasons),
		Hours: hours(s.Hours), From: or(utc(m.From), "once it is signed"), Until: utc(m.Until),
	}
}

// list names what a scope is for; what is not limited is "any".
func list[T ~string](all []T) string {
	names := make([]string, len(all))
	for i, x := range all {
		names[i] = string(x)
	}
	return or(strings.Join(names, ", "), "any")
}

func hours(h *policy.Hours) string {
	if h == nil {
		return "any"
	}
	var days []string
	for _, d := range h.Days {
		days = append(days, d.String()[:3])
	}
	clock := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60) }
	zone := "no zone"
	if h.Zone != nil {
		zone = h.Zone.String()
	}
	return fmt.Sprintf("%s %s-%s %s", strings.Join(days, ", "), clock(h.From), clock(h.To), zone)
}

func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.999999999 UTC")
}
