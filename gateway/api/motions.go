package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/policy"
)

// motions lists those that the person may see.
func (c *call) motions() (MotionList, error) {
	if err := c.chartered(); err != nil {
		return MotionList{}, err
	}
	var kinds []policy.MotionKind
	if k := policy.MotionKind(c.query["kind"]); k != "" {
		if !slices.Contains(motionKinds(), k) {
			return MotionList{}, malformed("the kinds of motion are %v", motionKinds())
		}
		kinds = []policy.MotionKind{k}
	}
	all, err := c.a.Charter.List(c.ctx(), c.who, kinds...)
	out := MotionList{Motions: []Motion{}}
	for _, v := range all {
		out.Motions = append(out.Motions, c.a.motion(v))
	}
	return out, err
}

func motionKinds() []policy.MotionKind {
	return []policy.MotionKind{policy.ToAdmit, policy.ToDismiss, policy.ToActivate, policy.ToSet, policy.ToInstruct, policy.ToDelegate, policy.ToDeclare, policy.ToRecover, policy.ToErase, policy.ToSeal, policy.ToRatify}
}

// chartered refuses where this gateway takes no motions.
func (c *call) chartered() error {
	if c.a.Charter == nil {
		return errNowhere
	}
	return nil
}

// motionCode is the code in the path; what is not written as one is of nothing.
func (c *call) motionCode() (string, error) {
	if c.a.Charter == nil || !approvals.ValidCode(c.code()) {
		return "", errNowhere
	}
	return c.code(), nil
}

func (c *call) seeMotion() (Motion, error) {
	code, err := c.motionCode()
	if err != nil {
		return Motion{}, err
	}
	v, err := c.a.Charter.See(c.ctx(), c.who, code)
	return c.told(v, err)
}

// told is a motion as programs read it.
func (c *call) told(v charter.View, err error) (Motion, error) {
	if err != nil {
		return Motion{}, err
	}
	return c.a.motion(v), nil
}

func (c *call) propose(p Proposal) (Motion, error) {
	if err := c.chartered(); err != nil {
		return Motion{}, err
	}
	m := policy.Motion{
		Kind: p.Kind, Customer: p.Customer, About: p.About, Name: p.Name, Key: p.Key, Uses: p.Uses, For: time.Duration(p.For),
		Notice: p.Notice, Never: p.Never, Quorum: p.Quorum, Text: p.Text, From: when(p.From), Until: when(p.Until),
	}
	if !slices.Contains(motionKinds(), p.Kind) {
		return Motion{}, malformed("the kinds of motion are %v", motionKinds())
	}
	if p.Uses < 0 || p.Quorum < 0 {
		return Motion{}, malformed("uses and quorum are not negative")
	}
	if p.Scope != nil {
		m.Scope = policy.Scope{Targets: p.Scope.Targets, Logins: p.Scope.Logins, Actions: p.Scope.Actions, Reasons: p.Scope.Reasons}
		var err error
		if m.Scope.Hours, err = p.Scope.Hours.read(); err != nil {
			return Motion{}, err
		}
	}
	v, err := c.a.Charter.Propose(c.ctx(), c.who, m)
	return c.told(v, err)
}

func when(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func (c *call) oppose(in Comment) (Motion, error) {
	code, err := c.motionCode()
	if err != nil {
		return Motion{}, err
	}
	v, err := c.a.Charter.Oppose(c.ctx(), c.who, code, in.Comment)
	return c.told(v, err)
}

func (c *call) endMotion(in Comment) (Motion, error) {
	code, err := c.motionCode()
	if err != nil {
		return Motion{}, err
	}
	v, err := c.a.Charter.End(c.ctx(), c.who, code, in.Comment)
	return c.told(v, err)
}

// signMotion never signs: a signature is a passkey's.
func (c *call) signMotion(Nothing) (Motion, error) {
	m, err := c.seeMotion()
	if err == nil {
		err = byPasskey("signing", m.URL)
	}
	return Motion{}, err
}

func (a *API) motion(v charter.View) Motion {
	m := v.Motion
	out := Motion{
		Motion: m.ID, URL: a.page("/m/" + m.ID), By: person(m.By), At: m.At.UTC(), Config: m.Config, Phase: v.Status.Phase, Holds: v.Holds,
		Used: v.Used, Ended: moment(m.Ended), EndedBy: m.EndedBy, Digest: v.Digest,
		Proposal: Proposal{
			Kind: m.Kind, Customer: m.Customer, About: m.About, Name: m.Name, Key: m.Key, From: moment(m.From), Until: moment(m.Until),
			Uses: m.Uses, For: Span(m.For), Notice: m.Notice, Never: m.Never, Quorum: m.Quorum, Text: m.Text,
		},
	}
	if s := m.Scope; m.Kind == policy.ToDelegate || m.Kind == policy.ToInstruct {
		out.Scope = &Scope{Targets: s.Targets, Logins: s.Logins, Actions: s.Actions, Reasons: s.Reasons, Hours: hours(s.Hours)}
	}
	if len(v.Status.Stages) == 1 {
		out.Stage = stage(v.Status.Stages[0])
	}
	return out
}

func hours(h *policy.Hours) *Hours {
	if h == nil {
		return nil
	}
	out := &Hours{Days: []string{}, From: clock(h.From), To: clock(h.To)}
	for _, d := range h.Days {
		out.Days = append(out.Days, d.String()[:3])
	}
	if h.Zone != nil {
		out.Zone = h.Zone.String()
	}
	return out
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// read turns hours into those of a scope. Whatever cannot be read is refused: hours left out would widen it.
func (h *Hours) read() (*policy.Hours, error) {
	if h == nil {
		return nil, nil
	}
	out := new(policy.Hours)
	for _, name := range h.Days {
		i := slices.Index([]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}, name)
		if i < 0 {
			return nil, malformed("the days are Mon, Tue, Wed, Thu, Fri, Sat and Sun")
		}
		out.Days = append(out.Days, time.Weekday(i))
	}
	var err error
	out.From, err = timeOfDay(h.From)
	if err == nil {
		out.To, err = timeOfDay(h.To)
	}
	if err != nil || len(out.Days) == 0 || out.To <= out.From {
		return nil, malformed("hours need days, and a from before their to, written as 07:30")
	}
	if h.Zone == "" || h.Zone == "Local" || strings.ContainsAny(h.Zone, `.\`) {
		return nil, malformed("hours need a zone: Europe/Copenhagen")
	}
	if out.Zone, err = time.LoadLocation(h.Zone); err != nil {
		return nil, malformed("hours need a zone that there is: Europe/Copenhagen")
	}
	return out, nil
}

// timeOfDay reads "07:30"; "24:00" is the end of the day.
func timeOfDay(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 {
		return 0, errSpan
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}
