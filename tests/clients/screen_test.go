package clients

import (
	"testing"

	"lockbox/policy"
)

// TestAPersonIsAskedWaitsTouchesAndWorks looks at every step on terminals of
// several sizes, kinds and languages.
func TestAPersonIsAskedWaitsTouchesAndWorks(t *testing.T) {
	english := words{"No active grant for", "Reason (what", "How long", "Send the request?", "waiting for", "was declined", "Touch your passkey", "This session is recorded."}
	danish := words{"Du har ingen gyldig adgang til", "Begrundelse (hvad", "Hvor længe", "Send anmodningen?", "venter på", "blev afvist", "Rør ved din adgangsnøgle", "Denne session optages."}
	for _, c := range []struct {
		name, size string
		say        words
		env        []string
	}{
		{"80", "80x24", english, []string{"TERM=xterm-256color", "LANG=C.UTF-8"}},
		{"40", "40x24", english, []string{"TERM=xterm-256color", "LANG=C.UTF-8"}},
		{"dumb", "80x24", english, []string{"TERM=dumb", "LANG=C.UTF-8"}},
		{"plain", "80x24", english, []string{"TERM=xterm-256color", "LANG=C.UTF-8", "NO_COLOR=1"}},
		{"danish", "80x24", danish, []string{"TERM=xterm-256color", "LANG=da_DK.UTF-8"}},
		{"danish-40", "40x24", danish, []string{"TERM=dumb", "LANG=da_DK.UTF-8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			p := s.pane(t, "screen-"+c.name, c.size, c.env...)
			s.declines(t, p, c.say)
			s.enters(t, p, c.say)
		})
	}
}

// words are what a person reads, in one language.
type words struct{ none, reason, long, send, waits, declined, touch, recorded string }

// fills fills the form in.
func (p *pane) fills(first string, say words) {
	p.t.Helper()
	p.types("s target; echo ended $?\n")
	p.sees(first)
	p.sees("1 customer-case")
	p.types("2\n")
	p.sees(say.reason)
	p.types("INC-4312: contract stuck in state 7\n")
	p.sees(say.long)
	p.types("1h\n")
	p.sees(say.send)
	p.types("y\n")
	p.sees("●")
	p.sees(say.waits)
}

// declines is a request that the board says no to, after the person went away and came back.
func (s *stage) declines(t *testing.T, p *pane, say words) {
	t.Helper()
	p.fills(say.none, say)
	p.types("\x03")
	p.sees("ended 75")
	p.types("clear; s target; echo ended $?\n")
	p.sees(say.waits)
	code := s.newest(t)
	s.no(t, s.Cto, code, "")
	s.no(t, s.Ceo, code, "Not tonight, please")
	p.sees(say.declined)
	p.sees("Not tonight, please")
	p.sees("ended 77")
	p.types("clear\n")
}

// enters is one that all say yes to, up to its end by the board.
func (s *stage) enters(t *testing.T, p *pane, say words) {
	t.Helper()
	p.fills(say.declined, say) // it says what became of the last one
	code := s.newest(t)
	s.yes(t, code, s.Ceo)
	p.sees("Ceo")
	p.sees("Nord Legal")
	s.yes(t, code, s.Ann)
	p.sees(say.touch)
	s.touches(t, p, code)
	p.sees(say.recorded)
	p.types("echo $((6*7)) in\n")
	p.sees("42 in")
	must(t, s.Desk.Revoke(t.Context(), s.Ceo.Principal, code, "it is done"))
	p.sees("ended 77")
}

// TestAPersonIsToldWhatIsWrong is what comes before any request.
func TestAPersonIsToldWhatIsWrong(t *testing.T) {
	for _, size := range []string{"80x24", "40x24"} {
		s := newStage(t)
		p := s.pane(t, "wrong-"+size, size, "TERM=xterm-256color", "LANG=C.UTF-8")
		p.types("clear; s -l nobody.such target; echo ended $?\n")
		p.sees("ended 78")
		p.types("clear; s -l other%db1.prod target; echo ended $?\n")
		p.sees("ended 78")
		p.pipes = true
		p.types("clear; s -l gateway target help; echo ended $?\n")
		p.sees("ended 0")
		p.types("clear; s -l gateway target targets; echo ended $?\n")
		p.sees("ended 0")
		s.let(t)
		p.types("clear; s -l gateway target status; echo ended $?\n")
		p.sees("ended 0")
		s.SetPolicy(&policy.Policy{})
		p.types("clear; s target; echo ended $?\n")
		p.sees("ended 78")
	}
}
