package portal

import (
	"errors"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/gateway/identity"
)

// filled is a form as somebody sent it and what is wrong with it, so that the
// page can be shown again with nothing lost. The zero value is an empty form.
type filled struct {
	values url.Values
	Wrong  template.HTML // the sentence …
	Field  string        // … and the field that it is about; "" for none of them
}

// mend is the form of the exchange with what is wrong, in the reader's language.
func (x *exchange) mend(field, why string) filled {
	return filled{x.r.PostForm, template.HTML(template.HTMLEscapeString(why)), field} // escaped
}

// mendRefusal is mend for what another package refused; false where err is no such refusal.
func (x *exchange) mendRefusal(field string, err error) (filled, bool) {
	why := refusal(err)
	return filled{x.r.PostForm, x.say.refusal(why), field}, why != ""
}

// Sent says whether the form comes back with something wrong.
func (f filled) Sent() bool { return f.Wrong != "" }

// V is what was typed into a field.
func (f filled) V(name string) string { return f.values.Get(name) }

// Or is V, or else what stands there at first.
func (f filled) Or(name, first string) string {
	if f.values == nil {
		return first
	}
	return f.values.Get(name)
}

// Has says whether a box was ticked, or an option chosen.
func (f filled) Has(name, value string) bool { return slices.Contains(f.values[name], value) }

// At is what is wrong with one field.
func (f filled) At(name string) template.HTML {
	if f.Field != name {
		return ""
	}
	return f.Wrong
}

// Bad marks a field that is wrong, for whoever does not see it, and names its hint.
func (f filled) Bad(name string, hint ...string) template.HTMLAttr {
	ids := slices.Clone(hint)
	mark := ""
	if f.Wrong != "" && f.Field == name {
		ids, mark = append(ids, "wrong"), ` aria-invalid="true"`
	}
	if len(ids) > 0 {
		mark += ` aria-describedby="` + strings.Join(ids, " ") + `"`
	}
	return template.HTMLAttr(strings.TrimSpace(mark)) // ids are ours
}

// refusal is the sentence of a no that the person can mend; "" for anything else.
func refusal(err error) string {
	var desk *approvals.Refusal
	var motion *charter.Refusal
	var who *identity.Refusal
	switch {
	case errors.As(err, &desk):
		return desk.Why
	case errors.As(err, &motion):
		return motion.Why
	case errors.As(err, &who):
		return who.Why
	}
	return ""
}

// zones are those that a time can be typed in. UTC is always there.
func zones() []string {
	all := []string{"Europe/Copenhagen", "Europe/London", "Europe/Berlin", "Europe/Helsinki", "America/New_York", "America/Los_Angeles", "Asia/Singapore", "UTC"}
	return slices.DeleteFunc(all, func(name string) bool {
		_, err := time.LoadLocation(name)
		return err != nil
	})
}

// instant reads a date, a time of day and a zone as fields of a form give them
// (prefix-date, prefix-time, prefix-zone); zero where no date was typed. why
// says in the reader's language what is wrong with them.
func (x *exchange) instant(prefix string) (at time.Time, why string) {
	date, clock, zone := x.value(prefix+"-date"), x.value(prefix+"-time"), x.value(prefix+"-zone")
	if date == "" && clock == "" {
		return time.Time{}, ""
	}
	if date == "" {
		return time.Time{}, x.say.text("Say the date too.")
	}
	if clock == "" {
		clock = "00:00"
	}
	if !slices.Contains(zones(), zone) {
		return time.Time{}, x.say.text("Choose the time zone.")
	}
	where, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, x.say.text("Choose the time zone.")
	}
	clock = clock[:min(len(clock), 5)] // some browsers add seconds
	const form = "2006-01-02 15:04"
	at, err = time.ParseInLocation(form, date+" "+clock, where)
	if err != nil || at.Format(form) != date+" "+clock { // the clock jumps over it
		return time.Time{}, x.say.text("There is no such date and time there. Write the date as 2026-11-22 and the time as 14:30.")
	}
	return at.UTC(), ""
}

// line is what was typed, on one line: what is signed or kept has no line breaks.
func (x *exchange) line(name string) string { return strings.Join(strings.Fields(x.value(name)), " ") }

// timeFields are a date, a time of day and a zone to type them in.
type timeFields struct {
	prefix string
	Zones  []string
	In     filled
}

// Date is the name of the field for the date, Time and Zone of the others.
func (f timeFields) Date() string { return f.prefix + "-date" }
func (f timeFields) Time() string { return f.prefix + "-time" }
func (f timeFields) Zone() string { return f.prefix + "-zone" }
