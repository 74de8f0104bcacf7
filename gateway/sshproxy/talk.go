package sshproxy

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"lockbox/approvals"
	"lockbox/gateway/sshproxy/speech"
)

// A talk is the thread of a request while its engineer waits: what others
// write appears as lines, and can be answered by typing a line. Before anybody
// has written, what is typed means nothing.
type talk struct {
	w    *way
	code string

	told   int    // remarks that were shown
	heard  bool   // somebody else has written
	thread string // that of the last of them
	line   []byte // typed so far
	to     string // the thread that it is for: the one that was answered when it was begun
}

// recent is how many remarks are shown to who comes back to a wait.
const recent = 5

const longestLine = 1000 // bytes

// hear shows the remarks that were not shown yet.
func (t *talk) hear(v approvals.View) {
	if !t.w.tty {
		return
	}
	from := t.told
	if from == 0 {
		from = max(0, len(v.Thread)-recent)
	}
	for i, r := range v.Thread {
		if r.By != t.w.knock.Who.ID {
			t.heard, t.thread = true, r.Thread
		}
		if i < from {
			continue
		}
		name := speech.Clean(r.Name)
		if r.Thread != "" {
			name += " (" + t.w.say.Names(r.Thread)[0] + ")"
		}
		t.w.line("%s  %s: %s", speech.Clock(r.At), name, speech.Clean(r.Text))
		if i == len(v.Thread)-1 && r.By != t.w.knock.Who.ID {
			t.w.line("%s", t.w.say.answerIt)
		}
	}
	t.told = len(v.Thread)
}

// typing says whether the person is in the middle of an answer.
func (t *talk) typing() bool { return len(t.line) > 0 }

// take takes what the person typed.
func (t *talk) take(typed []byte) {
	if !t.heard {
		return
	}
	for len(typed) > 0 {
		r, n := utf8.DecodeRune(typed)
		part := typed[:n]
		typed = typed[n:]
		switch {
		case r == enter || r == '\n':
			t.send()
		case r == 0x7f || r == 0x08: // backspace
			_, last := utf8.DecodeLastRune(t.line)
			t.line = t.line[:len(t.line)-last]
		case r == 0x15: // Ctrl-U
			t.line = nil
		case r == esc: // a key of several bytes edits nothing here
			typed = afterKey(typed)
		case unicode.IsPrint(r) && len(t.line)+n <= longestLine:
			if len(t.line) == 0 {
				t.to = t.thread
			}
			t.line = append(t.line, part...)
		}
	}
	if t.prompt(); !t.typing() {
		t.w.clear()
	}
}

// afterKey is what follows the escape sequence of a key.
func afterKey(typed []byte) []byte {
	rest, csi := bytes.CutPrefix(typed, []byte("["))
	if !csi {
		return typed[min(1, len(typed)):]
	}
	end := bytes.IndexFunc(rest, func(r rune) bool { return r >= 0x40 && r <= 0x7e })
	return rest[end+1:]
}

// prompt shows what is typed so far.
func (t *talk) prompt() {
	if !t.typing() || t.w.plain {
		return
	}
	head, text := t.w.say.answer, []rune(string(t.line))
	if t.to != "" {
		head += " (" + t.w.say.Names(t.to)[0] + ")"
	}
	head += " › "
	if room := int(t.w.s.terminal().Cols) - utf8.RuneCountInString(head) - 8; room > 8 && len(text) > room {
		text = append([]rune("…"), text[len(text)-room:]...)
	}
	t.w.progress("✎", head+string(text))
}

// send writes the line into the thread.
func (t *talk) send() {
	text := strings.TrimSpace(string(t.line))
	t.line = nil
	if text == "" {
		return
	}
	t.w.clear()
	if _, err := t.w.s.c.door.Desk.Say(t.w.ctx, t.w.knock.Who, t.code, t.to, text); err != nil {
		if r := t.w.broken(err, t.code); r != nil {
			t.w.line("✘ %s", speech.Clean(r.why))
		}
	}
}
