package portal

import (
	"fmt"
	"strings"
	"time"

	"lockbox/approvals/charter"
	"lockbox/policy"
)

// motionTitle says in one line what a motion would make so.
func (x *exchange) motionTitle(m *policy.Motion) string {
	say, who := x.say.text, or(m.Name, m.About)
	customer := customerName(x.p.Desk.Policy(), m.Customer)
	switch m.Kind {
	case policy.ToAdmit:
		if m.Customer != "" {
			return say("Admit {who} as reviewer for {customer}", "who", who, "customer", customer)
		}
		return say("Admit {who} to the executive board", "who", who)
	case policy.ToDismiss:
		if m.Customer != "" {
			return say("Dismiss {who} as reviewer for {customer}", "who", who, "customer", customer)
		}
		return say("Dismiss {who} from the executive board", "who", who)
	case policy.ToActivate:
		return say("Put a new policy in force")
	case policy.ToSet:
		return say("Settings of {customer}", "customer", customer)
	case policy.ToInstruct:
		return say("Standing instruction of {customer}", "customer", customer)
	case policy.ToDelegate:
		return say("{who} decides for {by}", "who", who, "by", or(m.By.Name, m.By.ID))
	case policy.ToRecover:
		return say("Recover {who}, who lost every passkey", "who", who)
	case policy.ToErase:
		if id := m.Recording(); id != "" {
			return say("Erase the recording of session {id}", "id", id)
		}
		return say("Erase {who}", "who", who)
	case policy.ToRatify:
		return say("Ratify emergency {code}", "code", m.About)
	case policy.ToSeal:
		return say("Let the sealed codes of batch {batch} count", "batch", m.About)
	case policy.ToReview:
		return say("Digest of week {week}, read", "week", m.About)
	case policy.ToDeclare:
		return say("Declaration of confidentiality, version {version}", "version", m.About)
	}
	return string(m.Kind)
}

// motionEffect says in sentences what becomes so.
func (x *exchange) motionEffect(m *policy.Motion) []string {
	say, who := x.say.text, or(m.Name, m.About)
	customer := customerName(x.p.Desk.Policy(), m.Customer)
	switch m.Kind {
	case policy.ToAdmit:
		return []string{say("The passkey that the motion names counts as theirs in every decision of this kind, until they are dismissed.")}
	case policy.ToDismiss:
		return []string{say("The passkey that the motion names decides nothing any more.")}
	case policy.ToActivate:
		return []string{
			say("These policy files and this configuration are in force once enough executives have signed."),
			say("Until then, the last ones that were signed stay in force."),
		}
	case policy.ToSet:
		return x.settings(m, customer)
	case policy.ToInstruct:
		return x.instruction(m, customer)
	case policy.ToDelegate:
		out := []string{
			say("{who} may decide on requests in the place of {by}, and both count as one person.", "who", who, "by", or(m.By.Name, m.By.ID)),
			say("Never on requests of {who} or of {by}, and {who} cannot pass it on.", "who", who, "by", or(m.By.Name, m.By.ID)),
		}
		return append(out, x.scope(m.Scope)...)
	case policy.ToRecover:
		return []string{
			say("Every passkey, SSH key and session of {who} ends at once, and votes of theirs on what is open count no more.", "who", who),
			say("{by} gets one link, good for 24 hours, to hand to {who}: it makes one new passkey.", "by", or(m.By.Name, m.By.ID), "who", who),
			say("The new passkey counts for nothing until others have compared its fingerprint; a seat has to be given to it by another motion."),
			say("Call {who} before you sign: whoever asks for this in their name wants to become them.", "who", who),
		}
	case policy.ToErase:
		if m.Recording() != "" {
			return []string{
				say("The key of the recording is destroyed, in every copy: nobody can watch it again. The log stays and stays provable: that there was a session, whose, where and when."),
				say("This cannot be undone, by nobody."),
			}
		}
		return []string{
			say("Name, address and whatever was written about requests of {who} is destroyed. The log stays and stays provable; none of that can be read in it any more.", "who", who),
			say("This cannot be undone, by nobody."),
		}
	case policy.ToRatify:
		right := say("Breaking the glass for this was right, and nothing is locked for it.")
		if m.Stage.Count >= charter.Late {
			right = say("Nobody ratified it within 24 hours. The person and the target that are locked for it are unlocked.")
		}
		return []string{right, say("Look at what was done before you sign. A no ends the access at once, if it still lasts.")}
	case policy.ToSeal:
		return []string{
			say("Each of these codes breaks the glass once. It opens nothing by itself: it takes a second person's passkey and the engineer's own besides, for an hour at most."),
			say("The codes are on paper only. Whoever keeps them says how many there are and where they lie; ask before you sign."),
		}
	case policy.ToReview:
		return []string{say("Who signs says that they have read what was asked, decided and done in that week. It permits nothing.")}
	case policy.ToDeclare:
		return []string{say("Who signs promises what the text says. Without it, nobody can ask for access.")}
	}
	return nil
}

func (x *exchange) settings(m *policy.Motion, customer string) (out []string) {
	say := x.say.text
	if m.Notice {
		out = append(out, say("{customer} is told of every access to its data and is not asked: being told is enough.", "customer", customer))
	} else {
		out = append(out, say("{customer} is asked before every access to its data.", "customer", customer))
	}
	switch {
	case m.Quorum == 1:
		out = append(out, say("One reviewer has to say yes."))
	case m.Quorum > 1:
		out = append(out, say("{n} reviewers have to say yes.", "n", m.Quorum))
	case !m.Notice:
		out = append(out, say("As many reviewers as the rule says have to say yes."))
	}
	if m.Never {
		out = append(out, say("The glass is never broken where its data is: in an emergency, too, it is asked."))
	}
	return out
}

func (x *exchange) instruction(m *policy.Motion, customer string) []string {
	say := x.say.text
	out := []string{say("Requests within these limits need no other answer of {customer}. The executive board is asked all the same.", "customer", customer)}
	if m.Uses > 0 {
		out = append(out, say("For {n} requests at most.", "n", m.Uses))
	}
	if m.For > 0 {
		out = append(out, say("For {long} each, at most.", "long", x.say.long(m.For)))
	}
	return append(out, x.scope(m.Scope)...)
}

// scope says what a motion is limited to.
func (x *exchange) scope(s policy.Scope) (out []string) {
	say := x.say.text
	if len(s.Targets) > 0 {
		out = append(out, say("Only for {list}.", "list", x.say.join(s.Targets)))
	}
	if len(s.Logins) > 0 {
		out = append(out, say("Only with login {list}.", "list", x.say.join(s.Logins)))
	}
	if len(s.Actions) > 0 {
		var names []string
		for _, a := range s.Actions {
			names = append(names, x.say.action(a))
		}
		out = append(out, say("Only for requests of nothing else than: {list}.", "list", x.say.join(names)))
	}
	if len(s.Reasons) > 0 {
		var names []string
		for _, r := range s.Reasons {
			names = append(names, x.say.reason(r))
		}
		out = append(out, say("Only for these reasons: {list}.", "list", x.say.join(names)))
	}
	if h := s.Hours; h != nil && h.Zone != nil {
		var days []string
		for _, d := range h.Days {
			days = append(days, x.say.day(d))
		}
		out = append(out, say("Only {days} from {from} to {to} ({zone}).", "days", x.say.join(days), "from", hour(h.From), "to", hour(h.To), "zone", h.Zone))
	}
	if len(out) == 0 {
		out = append(out, say("For every target and every reason."))
	}
	return out
}

func hour(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// day names a day of the week.
func (l *language) day(d time.Weekday) string {
	if l.tag == "da" {
		return []string{"søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"}[d]
	}
	return strings.ToUpper(d.String()[:1]) + d.String()[1:]
}
