package sshproxy

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/console"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// Exit statuses, as interfaces promise them (sysexits).
const (
	exitDone        = console.Done
	exitUnavailable = 69
	exitPending     = console.Pending
	exitDenied      = console.Denied
	exitUnknown     = 78
	exitSSH         = 255 // without a terminal, nothing was run: what every ssh tool understands
)

// A refusal is why a session does not begin, or ends. People read why and next,
// programs the rest.
type refusal struct {
	code    policy.Code
	exit    int // on a terminal, and where sysexits are asked for
	why     string
	next    string // what to do; "" when there is nothing
	target  string
	request string
	page    string // path at the portal
	retry   bool   // the same command may do later
}

// status is the exit status that goes with a code.
func status(c policy.Code) int {
	switch c {
	case gateway.NoRecorder, gateway.NoWitness:
		return exitUnavailable
	case gateway.StillAsked, policy.NeedTouch:
		return exitPending
	case policy.NoTarget:
		return exitUnknown
	}
	return exitDenied
}

// finish tells the person, and ends the program. The caller has claimed the end.
func (s *session) finish(r refusal) {
	if s.terminal() != nil {
		s.out.last(func(left *screen) []byte { return s.farewell(left, r) }, false, r.exit)
	} else {
		exit := exitSSH
		if s.option("EXIT") == "sysexits" {
			exit = r.exit
		}
		s.out.last(func(*screen) []byte { return []byte(s.lines(r)) }, true, exit)
	}
	s.out.close()
}

// lines is a refusal for who has no terminal: at most three lines in all.
func (s *session) lines(r refusal) string {
	var b strings.Builder
	for _, text := range []string{r.why, r.next} {
		if text != "" && s.tell() {
			b.WriteString("lockbox: " + speech.Clean(text) + "\n")
		}
	}
	b.WriteString("lockbox-json: " + s.c.door.json(r) + "\n")
	return b.String()
}

// tell counts a line for who has no terminal, and says whether it may be written:
// two at most, for the third is JSON.
func (s *session) tell() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told++
	return s.told <= 2
}

func (d *Door) json(r refusal) string {
	var request *string
	if r.request != "" {
		request = &r.request
	}
	text, err := json.Marshal(struct {
		Lockbox   int         `json:"lockbox"`
		Code      policy.Code `json:"code"`
		Target    string      `json:"target"`
		Request   *string     `json:"request"`
		Retryable bool        `json:"retryable"`
		URL       string      `json:"url"`
	}{1, cmp.Or(r.code, policy.ByPolicy), speech.Clean(r.target), request, r.retry, d.Portal + r.page})
	if err != nil {
		return "{}" // strings and booleans can be written
	}
	return string(text)
}

// farewell is a refusal for a terminal, which the program may have left in any state.
func (s *session) farewell(left *screen, r refusal) []byte {
	var b strings.Builder
	if left != nil {
		if left.alt {
			b.WriteString("\x1b[r\x1b[?1049l") // all of the screen scrolls again; then the one from before
		}
		// Attributes, mouse, bracketed paste and application keys off; the cursor shown.
		b.WriteString("\x1b[0m\x1b[?1000;1002;1003;1006;2004l\x1b[?1l\x1b>\x1b[?25h")
		b.WriteString("\r\n")
	}
	for i, said := range []string{mark(r) + " " + speech.Clean(r.why), speech.Clean(r.next)} {
		for j, part := range speech.Wrap(said, int(s.terminal().Cols)-4) {
			if part != "" {
				b.WriteString(strings.Repeat("  ", 1+min(i+j, 1)) + part + "\r\n")
			}
		}
	}
	return []byte(b.String())
}

// mark goes before a sentence that says the same.
func mark(r refusal) string {
	if r.exit == exitPending || r.exit == exitDone {
		return "○"
	}
	return "✘"
}

// failed is what the person is told about an error: why, when it is theirs to
// know; else a reference that the report has too.
func (s *session) failed(err error, target string) *refusal {
	var end *gateway.Ending
	var no *approvals.Refusal
	var motion *charter.Refusal
	if r := s.faulty(err); r != nil && s.ctx.Err() == nil {
		return r
	}
	switch {
	case s.ctx.Err() != nil:
		return &refusal{code: policy.ByPolicy, exit: exitUnavailable, target: target} // nobody is there to read it
	case errors.As(err, &end):
		r := &refusal{code: end.Code, exit: status(end.Code), why: end.Why, target: target}
		if end.Code == gateway.Unreachable {
			r.exit = exitUnavailable
		}
		r.retry = r.exit == exitUnavailable
		return r
	case errors.As(err, &no):
		return &refusal{code: no.Code, exit: status(no.Code), why: no.Why, target: target}
	case errors.As(err, &motion):
		return &refusal{code: motion.Code, exit: status(motion.Code), why: motion.Why, target: target}
	case errors.Is(err, approvals.ErrUnknown), errors.Is(err, charter.ErrUnknown):
		return &refusal{code: policy.ByPolicy, exit: exitUnknown, why: s.say().noRequest, target: target}
	}
	ref := reference()
	s.c.door.Report(fmt.Errorf("%s: ssh session of %s on %q: %w", ref, s.c.id.who.ID, target, err))
	return &refusal{code: policy.ByPolicy, exit: exitUnavailable, why: fmt.Sprintf(s.say().internal, ref), target: target, retry: true}
}

// reference is a name for one error: "e-7f3a21".
func reference() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return "e-" + hex.EncodeToString(b[:])
}

// askPage is where the person asks for a target.
func askPage(target string) string { return "/r/new?t=" + url.QueryEscape(target) }
