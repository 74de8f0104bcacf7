package sshproxy

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"lockbox/gateway/sshproxy/console"
	"lockbox/policy/statement"
)

// What may be in the environment, and how much of it.
const (
	envMax   = 32
	valueMax = 256  // bytes, of a variable for the target
	ownMax   = 4096 // bytes, of one for us
)

// An environment is what the client sets before its program: a few variables
// for the target, and those for us.
type environment struct {
	target []variable
	own    map[string]string // LOCKBOX_ names, without the prefix, and NO_COLOR
}

type variable struct{ Name, Value string }

var (
	forTarget = regexp.MustCompile(`^(LANG|TERM|LC_[A-Z_]{1,24})$`)
	plainText = regexp.MustCompile(`^[A-Za-z0-9_.,@:/=+-]*$`)
	forUs     = regexp.MustCompile(`^LOCKBOX_[A-Z]{1,16}$`)
)

// plainWord says whether s is of characters that mean nothing to a shell or a terminal.
func plainWord(s string) bool { return plainText.MatchString(s) }

// set takes a variable, or says that it will not.
func (e *environment) set(name, value string) bool {
	if len(e.target)+len(e.own) >= envMax {
		return false
	}
	switch {
	case forTarget.MatchString(name) && len(value) <= valueMax && plainWord(value):
		i := slices.IndexFunc(e.target, func(v variable) bool { return v.Name == name })
		if i >= 0 {
			e.target[i].Value = value
			return true
		}
		e.target = append(e.target, variable{name, value})
		return true
	case len(value) > ownMax || statement.Clean(value) != nil:
		return false
	case name == "LOCKBOX": // several: LOCKBOX='WAIT=10m REASON="…"'
		return e.several(value)
	case forUs.MatchString(name), name == "NO_COLOR":
		e.put(strings.TrimPrefix(name, "LOCKBOX_"), value)
		return true
	}
	return false
}

func (e *environment) put(name, value string) {
	if e.own == nil {
		e.own = map[string]string{}
	}
	e.own[name] = value
}

// several takes NAME=VALUE words, with or without our prefix.
func (e *environment) several(value string) bool {
	words, err := console.Split(value)
	if err != nil {
		return false
	}
	for _, w := range words {
		name, v, ok := strings.Cut(w, "=")
		if name = "LOCKBOX_" + strings.TrimPrefix(name, "LOCKBOX_"); !ok || !forUs.MatchString(name) || len(e.own) >= envMax {
			return false
		}
		e.put(strings.TrimPrefix(name, "LOCKBOX_"), v)
	}
	return true
}

// language is what the person reads, as POSIX has it: LC_ALL, LC_MESSAGES, LANG.
func (e *environment) language() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if i := slices.IndexFunc(e.target, func(v variable) bool { return v.Name == name && v.Value != "" }); i >= 0 {
			return e.target[i].Value
		}
	}
	return ""
}

// An option is one of our variables, of this session.
func (s *session) option(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.env.own[name]
}

// patience is how long somebody without a terminal wants to wait; 0: not at all.
func (s *session) patience() time.Duration {
	d, err := time.ParseDuration(s.option("WAIT"))
	if err != nil {
		return 0
	}
	return min(max(d, 0), 24*time.Hour)
}

// plain says whether the person wants no escapes and no lines that change.
func (s *session) plain() bool {
	t := s.terminal()
	_, none := s.env.own["NO_COLOR"]
	return t == nil || t.Term == "dumb" || t.Term == "" || s.option("PLAIN") != "" || none
}
