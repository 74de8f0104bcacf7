package sftp

import (
	"path"
	"slices"
	"strings"
)

// A Command is scp of the old protocol at its far end: scp -t or scp -f.
type Command struct {
	Put   bool // -t: the far end takes files; else -f: it sends them
	Flags string
	Paths []Path
}

// A Path is what a command names. A pattern in it is expanded by the shell of
// the target; of a Put there is none.
type Path struct {
	Text string
	Glob []bool // by byte of Text: it is *, ?, [ or ] and means it
	Home int    // bytes of ~ or ~somebody at the beginning, which mean it
}

// ParseCommand reads a command line as a shell does, if it is scp -t or -f and
// nothing else: no other option, no expansion, no second command. Any other is
// false: it is run as what it is.
func ParseCommand(line string) (c Command, ok bool) {
	words, ok := words(line)
	if !ok || len(words) < 3 || !words[0].is("scp") {
		return c, false
	}
	var modes string
	rest := words[1:]
	for len(rest) > 0 {
		w := rest[0]
		if !strings.HasPrefix(w.Text, "-") {
			break
		}
		rest = rest[1:]
		if w.Text == "--" {
			break
		}
		for _, f := range w.Text[1:] {
			switch {
			case f == 't' || f == 'f':
				modes += string(f)
			case strings.ContainsRune("vrpdq", f):
				if !strings.ContainsRune(c.Flags, f) {
					c.Flags += string(f)
				}
			default:
				return Command{}, false
			}
		}
		if len(w.Text) == 1 || slices.Contains(w.Glob, true) {
			return Command{}, false
		}
	}
	c.Put, c.Paths = modes == "t", rest
	if len(modes) != 1 || len(rest) == 0 || c.Put && len(rest) > 1 {
		return Command{}, false
	}
	for _, p := range rest {
		if p.Text == "" || c.Put && slices.Contains(p.Glob, true) {
			return Command{}, false
		}
	}
	return c, true
}

func (p Path) is(text string) bool { return p.Text == text && !slices.Contains(p.Glob, true) }

// words splits a line of words, quotes and patterns; false where it holds
// anything else that a shell would act on.
func words(line string) (all []Path, ok bool) {
	if len(line) > 2*pathMost || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, false
	}
	for {
		line = strings.TrimLeft(line, " ")
		if line == "" {
			return all, true
		}
		w, rest, ok := word(line)
		if !ok {
			return nil, false
		}
		all, line = append(all, w), rest
	}
}

// word reads the first word.
func word(line string) (p Path, rest string, ok bool) {
	add := func(b byte, glob bool) {
		p.Text += string([]byte{b})
		p.Glob = append(p.Glob, glob)
	}
	p.Home = home(line)
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch b := line[i]; {
		case quote != 0 && b == quote:
			quote = 0
		case quote == '\'':
			add(b, false)
		case quote == '"' && (b == '$' || b == '`' || b == '!'):
			return p, "", false
		case b == '\\' && i+1 < len(line) && (quote == 0 || strings.IndexByte("\\\"$`", line[i+1]) >= 0):
			i++
			add(line[i], false)
		case quote == '"':
			add(b, false)
		case b == '\'' || b == '"':
			quote = b
		case b == ' ':
			return p, line[i:], true
		case strings.IndexByte("*?[]", b) >= 0:
			add(b, true)
		case b == '~' && i == 0 && p.Home > 0, b >= 0x80, plainByte(b):
			add(b, false)
		default:
			return p, "", false
		}
	}
	return p, "", quote == 0
}

// plainByte says whether a byte means itself to every shell, wherever it stands.
func plainByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("-_./,:+@%", b) >= 0
}

// home is how much of the beginning is ~ or ~somebody.
func home(line string) int {
	if !strings.HasPrefix(line, "~") {
		return 0
	}
	n := 1
	for n < len(line) && line[n] != '/' && line[n] != ' ' {
		if b := line[n]; !plainByte(b) {
			return 0
		}
		n++
	}
	return n
}

// String is the command as it is run: with no more left for a shell to do than
// expand what the Paths say.
func (c Command) String() string {
	var b strings.Builder
	b.WriteString("scp")
	for _, f := range c.Flags {
		b.WriteString(" -" + string(f))
	}
	if c.Put {
		b.WriteString(" -t")
	} else {
		b.WriteString(" -f")
	}
	if slices.ContainsFunc(c.Paths, func(p Path) bool { return p.Text[0] == '-' || p.Glob[0] }) {
		b.WriteString(" --")
	}
	for _, p := range c.Paths {
		b.WriteString(" " + p.quoted())
	}
	return b.String()
}

func (p Path) quoted() string {
	var b strings.Builder
	within := false // quotes
	for i := range len(p.Text) {
		c := p.Text[i]
		if bare := i < p.Home || p.Glob[i] || plainByte(c) || c == '\''; bare == within {
			b.WriteByte('\'')
			within = !bare
		}
		if c == '\'' {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	if within {
		b.WriteByte('\'')
	}
	return b.String()
}

// sends says whether an answer to the path may begin with this name, and what
// the file is then called in full.
func (p Path) sends(name string) (full string, ok bool) {
	text, glob := p.Text, p.Glob
	for len(text) > 1 && text[len(text)-1] == '/' {
		text = text[:len(text)-1]
	}
	at := strings.LastIndexByte(text, '/') + 1
	full = text[:at] + name
	if at < p.Home {
		return text, true // the name of a home is not known here
	}
	var want strings.Builder
	for i := at; i < len(text); i++ {
		if !glob[i] && strings.IndexByte(`*?[]\`, text[i]) >= 0 {
			want.WriteByte('\\')
		}
		want.WriteByte(text[i])
	}
	ok, err := path.Match(want.String(), name)
	return full, ok && err == nil
}
