package portal

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// moment writes a time in full. A script puts it into the zone of whoever reads;
// without one it stays in UTC and says so.
func (l *language) moment(t time.Time) template.HTML {
	return l.stamp(t, "full", l.full(t.UTC()))
}

// clock writes a time of day.
func (l *language) clock(t time.Time) template.HTML {
	form := "15:04 UTC"
	if l.tag == "da" {
		form = "15.04 UTC"
	}
	return l.stamp(t, "clock", t.UTC().Format(form))
}

func (l *language) stamp(t time.Time, form, text string) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s" data-form="%s">%s</time>`, // its parts hold no markup
		t.UTC().Format(time.RFC3339), form, template.HTMLEscapeString(text)))
}

// full is "Saturday 21 November 2026, 14:30 UTC".
func (l *language) full(t time.Time) string {
	if l.tag != "da" {
		return t.Format("Monday 2 January 2006, 15:04 MST")
	}
	days := []string{"søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"}
	months := []string{
		"januar", "februar", "marts", "april", "maj", "juni", "juli", "august", "september", "oktober", "november", "december",
	}
	return fmt.Sprintf("%s den %d. %s %d kl. %s", days[t.Weekday()], t.Day(), months[t.Month()-1], t.Year(), t.Format("15.04 MST"))
}

// left writes how long there is until t; a script keeps it right.
func (l *language) left(until, now time.Time) template.HTML {
	return template.HTML(fmt.Sprintf(`<span data-until="%s">%s</span>`, // its parts hold no markup
		until.UTC().Format(time.RFC3339), template.HTMLEscapeString(l.remaining(until.Sub(now)))))
}

func (l *language) remaining(d time.Duration) string {
	switch {
	case d <= 0:
		return l.text("time is up")
	case d < time.Minute:
		return l.text("less than a minute left")
	}
	whole := time.Minute
	if d > 24*time.Hour {
		whole = time.Hour
	}
	return l.text("{long} left", "long", l.long(d.Truncate(whole)))
}

// long writes a duration in words, to the minute: "1 hour 30 minutes".
func (l *language) long(d time.Duration) string {
	switch {
	case d > 0 && d < time.Second:
		return l.text("less than a second")
	case d/time.Second == 1:
		return l.text("1 second")
	case d < time.Minute:
		return l.text("{n} seconds", "n", int64(d.Seconds()))
	}
	return l.units(d, "{n} minutes")
}

// short is long for a button: "30 min".
func (l *language) short(d time.Duration) string { return l.units(d, "{n} min") }

func (l *language) units(d time.Duration, minutes string) string {
	if d == 24*time.Hour { // clearer than a day
		return l.text("{n} hours", "n", 24)
	}
	var parts []string
	for _, u := range []struct {
		of        time.Duration
		one, many string
	}{
		{24 * time.Hour, "1 day", "{n} days"},
		{time.Hour, "1 hour", "{n} hours"},
		{time.Minute, "1 minute", minutes},
	} {
		n := d / u.of
		d -= n * u.of
		switch {
		case n == 1:
			parts = append(parts, l.text(u.one))
		case n > 1:
			parts = append(parts, l.text(u.many, "n", int64(n)))
		}
	}
	if len(parts) == 0 {
		return l.text(minutes, "n", 0)
	}
	return strings.Join(parts, " ")
}

func wholeMinutes(d time.Duration) int { return int(d / time.Minute) }
