package approvals

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
)

// Text is the summary in a few lines of English, for a terminal. Nothing in it
// acts on who reads it.
func (s Summary) Text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s%s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	line("request", "%s, made %s", s.Request, stamp(s.Made))
	if s.Emergency {
		line("EMERGENCY", "the glass was broken: nobody who decides was asked; a second person and a sealed code let it be")
	}
	line("who", "%s (%s)", s.Who.Name, s.Who.Kind)
	line("why", "%s: %s", s.Reason, s.Need)
	line("ticket", "%s", or(s.Ticket, "none"))
	line("where", "%s on %s", s.Login, s.Target)
	if s.Others {
		line("concerned", "%s, and others who are not named here", s.Customer)
	}
	for _, v := range s.Votes {
		line("vote", "%s: %s by %s, %s, entry %d", v.Stage, v.Verdict, v.Name, stamp(v.At), v.Event)
	}
	if s.Given == 0 {
		line("access", "none was given")
	} else {
		line("access", "asked %s, given %s, used %s: %s", s.Asked, s.Given, s.Used.Round(time.Second), actions(s.Actions))
	}
	if s.Watched {
		line("condition", "nothing passes while none of those who decide watches")
	}
	for _, t := range s.Sessions {
		line("session", "%s, %s to %s, recording %s", t.ID, stamp(t.Began), stamp(t.Ended), or(t.Root, "not closed"))
		for _, d := range t.Deeds {
			what := d.Command
			if d.File != nil {
				what = d.File.String()
			}
			line("", "%s %s %s", stamp(d.At), d.Kind, what)
		}
		if t.More > 0 {
			line("", "and %d more", t.More)
		}
		if t.Left {
			line("", "programs that it started may still run on the target: nobody looks for them after its end")
		}
	}
	line("files out", "%s", or(strings.Join(s.Files, ", "), s.noFiles()))
	b.WriteString("checkpoint\n")
	for l := range strings.Lines(s.Checkpoint) {
		b.WriteString("  " + printable(strings.TrimSuffix(l, "\n")) + "\n")
	}
	return b.String()
}

// noFiles says why no file is listed.
func (s Summary) noFiles() string {
	for _, a := range s.Actions {
		if a.Kind() == "http" {
			return "not counted; what an application answered is in the recording"
		}
		if a == policy.Shell || a == policy.Exec {
			return "none by file transfer; what a shell or a command put out is in the recording"
		}
	}
	return "none"
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "no end yet"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// printable leaves of a text what may stand in a statement, and quotes the rest.
func printable(text string) string {
	if statement.Clean(text) != nil {
		return strconv.Quote(text)
	}
	return text
}
