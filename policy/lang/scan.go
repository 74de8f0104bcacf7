package lang

import (
	"fmt"
	"strings"
)

// value reads one value that begins here: text, or what stands in brackets.
func (l *loader) value(brackets bool) *node {
	switch rest := l.rest(); {
	case rest[0] == '[':
		return l.squares()
	case rest[0] == '{':
		return l.braces()
	case rest[0] == '\'':
		return l.quoted(rest)
	case rest[0] == '"':
		return l.escaped(rest)
	default:
		return l.plain(rest, brackets)
	}
}

// quoted reads text in single quotes; two of them stand for one.
func (l *loader) quoted(rest string) *node {
	n := l.node(text)
	for i := 1; i < len(rest); i++ {
		if rest[i] != '\'' {
			continue
		}
		if strings.HasPrefix(rest[i+1:], "'") {
			i++
			continue
		}
		n.text = strings.ReplaceAll(rest[1:i], "''", "'")
		l.at += i + 1
		return n
	}
	return l.open(n)
}

// escaped reads text in double quotes; a backslash stands before a quote or a backslash.
func (l *loader) escaped(rest string) *node {
	n := l.node(text)
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '"':
			n.text = b.String()
			l.at += i + 1
			return n
		case rest[i] != '\\':
		case i+1 < len(rest) && (rest[i+1] == '\\' || rest[i+1] == '"'):
			i++
		default:
			l.failAt(n, "this text cannot be read as it stands", `in double quotes write only \\ and \" with a backslash, or use single quotes`)
			return n
		}
		b.WriteByte(rest[i])
	}
	return l.open(n)
}

func (l *loader) open(n *node) *node {
	l.failAt(n, "this text goes on in the next line", "write it on one line, and check the indentation below")
	return n
}

// plain reads text without quotes, up to a comment, a colon and a space, and
// in brackets up to a comma or bracket.
func (l *loader) plain(rest string, brackets bool) *node {
	n := l.node(text)
	if msg, fix := unwanted(rest, brackets); msg != "" {
		l.failAt(n, msg, fix)
		return n
	}
	end := 0
	for ; end < len(rest); end++ {
		c := rest[end]
		if c == ':' && (end+1 == len(rest) || rest[end+1] == ' ') || c == '#' && rest[end-1] == ' ' {
			break
		}
		if brackets && c == ':' {
			l.fail(l.line, l.at+end, badColon, badColonFix)
			return n
		}
		if brackets && c == '?' { // YAML 1.1 ends the text here
			l.fail(l.line, l.at+end, "a question mark in brackets means something in YAML", "put the text in quotes")
			return n
		}
		if brackets && strings.IndexByte(",[]{}", c) >= 0 {
			break
		}
	}
	n.text = strings.TrimRight(rest[:end], " ")
	l.at += len(n.text)
	n.form, n.plain = resolve(n.text), true
	if n.text == "<<" {
		l.failAt(n, "merge keys (<<) are not read", "write the fields out where they are needed")
	}
	if n.form == nothing {
		n.text = ""
	}
	return n
}

const (
	badColon    = "this colon does not stand between a name and a space"
	badColonFix = "write name: value on one line, and put text that holds a colon in quotes"
)

// unwanted says why no text may begin like this.
func unwanted(rest string, brackets bool) (msg, fix string) {
	switch rest[0] {
	case '&', '*':
		return "anchors (&) and aliases (*) are not read", "write the value out where it is needed"
	case '!', '%':
		return "tags (!) and directives (%) are not read", "remove it"
	case '|', '>':
		return "text in blocks (| and >) is not read", "write it on one line, in quotes"
	case '@', '`':
		return fmt.Sprintf("'%c' is a reserved character", rest[0]), "put the text in quotes"
	case ',':
		return "a comma stands alone", "remove it"
	case ':':
		return badColon, badColonFix
	case '?':
		if rest == "?" || rest[1] == ' ' {
			return "a field that begins with ? is not read", "write name: value"
		}
		return "text begins with ?, which means something in YAML", "put the text in quotes"
	case '-':
		switch {
		case dash(rest) && !brackets:
			return "a list does not begin in the middle of a line", "begin it on the next line, or write [ … ]"
		case dash(rest) || brackets && strings.IndexByte(",[]{}", rest[1]) >= 0:
			return "a dash does not begin an item in brackets", "remove it, or put the text in quotes"
		}
	case '#', ']', '}':
		return fmt.Sprintf("'%c' stands where a value should be", rest[0]), "check the brackets, or put the text in quotes"
	}
	return "", ""
}

// resolve says what plain text is. Whatever some reader of YAML takes for a
// number is a number.
func resolve(s string) form {
	switch s {
	case "~", "null", "Null", "NULL":
		return nothing
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return truth
	}
	t := strings.TrimLeft(s, "+-")
	switch {
	case t == "":
		return text
	case strings.EqualFold(t, ".inf"), strings.EqualFold(t, ".nan"):
		return number
	case t[0] == '.' && len(t) > 1 && t[1] >= '0' && t[1] <= '9', t[0] >= '0' && t[0] <= '9':
	default:
		return text
	}
	if year, more, ok := strings.Cut(s, "-"); ok && len(year) == 4 && only(year, "0123456789") && strings.Count(more, "-") > 0 && only(more[:1], "0123456789") {
		return number // a date
	}
	if len(t) > 2 && t[0] == '0' && strings.IndexByte("xXoObB", t[1]) >= 0 && only(t[2:], "0123456789abcdefABCDEF_") {
		return number
	}
	mantissa, exponent, _ := strings.Cut(strings.Replace(t, "E", "e", 1), "e")
	if strings.Count(mantissa, ".") <= 1 && only(mantissa, "0123456789._") && only(strings.TrimLeft(exponent, "+-"), "0123456789_") {
		return number
	}
	return text
}

// squares reads a list in brackets.
func (l *loader) squares() *node {
	n := l.node(list)
	l.deeper()
	defer func() { l.depth-- }()
	l.at++
	for l.inside(n) {
		if l.rest()[0] == ']' {
			l.at++
			return n
		}
		v := l.value(true)
		if l.failed == nil && l.inside(n) && l.rest()[0] == ':' {
			l.failAt(v, "a table within brackets needs { }", "write { name: value }")
		}
		n.vals = append(n.vals, v)
		l.comma(n, "]")
	}
	return n
}

// braces reads a table in brackets.
func (l *loader) braces() *node {
	n := l.node(table)
	l.deeper()
	defer func() { l.depth-- }()
	l.at++
	for l.inside(n) {
		if l.rest()[0] == '}' {
			l.at++
			return n
		}
		key := l.value(true)
		switch {
		case l.failed != nil:
			return n
		case key.form == list || key.form == table:
			l.failAt(key, "a field needs a name", "write name: value")
		case !l.colon() && strings.HasPrefix(l.rest(), ":"):
			l.failHere(badColon, badColonFix)
		case !l.colon():
			l.failAt(key, "this field has no colon and no value", "write name: value")
		}
		l.at++
		n.keys, n.vals = append(n.keys, key), append(n.vals, l.inBraces(n, key))
		l.comma(n, "}")
	}
	return n
}

// inBraces reads the value of a field in brackets.
func (l *loader) inBraces(n, key *node) *node {
	none := &node{file: l.file, line: key.line, col: key.col}
	if !l.inside(n) || l.rest()[0] == ',' || l.rest()[0] == '}' {
		return none
	}
	v := l.value(true)
	if l.failed == nil && l.inside(n) && l.rest()[0] == ':' {
		l.failAt(v, "a table within brackets needs { }", "write { name: value }")
	}
	if v.form == nothing {
		return none
	}
	return v
}

// inside goes to the next word within the brackets of n, over lines.
func (l *loader) inside(n *node) bool {
	for !l.done() && l.blank() {
		l.next()
	}
	if l.failed == nil && l.done() {
		l.failAt(n, "this bracket is not closed", "close it, and check the brackets within")
	}
	return l.failed == nil
}

// comma reads what stands between two values in brackets.
func (l *loader) comma(n *node, closing string) {
	switch {
	case !l.inside(n):
	case l.rest()[0] == ',':
		l.at++
	case l.rest()[0] != closing[0]:
		l.failHere("a comma or "+closing+" must stand here", "check brackets, quotes and indentation here and in the line above")
	}
}
