package lang

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/token"
)

const (
	maxDepth = 12     // of brackets; the shape needs 5
	maxKeys  = 10_000 // of one file: the library's time grows with their square
)

// scan refuses the parts of YAML that make a file mean something else than it
// seems to, before anything is parsed. It counts the values.
func (l *loader) scan(tokens token.Tokens) (scalars int) {
	depth, keys, entry, closed := 0, 0, 0, 0 // the last two are lines
	for _, t := range tokens {
		if msg, fix := unwanted(t, depth > 0); msg != "" {
			l.refuse(t, msg, fix)
			return 0
		}
		if t.Position.Line == closed && depth == 0 && t.Type != token.CommentType {
			l.refuse(t, "something follows the bracket that ends here", "put it on a line of its own")
			return 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
			closed = t.Position.Line
		case token.MappingValueType:
			if keys++; !l.spaced(t) { // YAML reads a:b in brackets as text, the library as a field
				l.refuse(t, "this colon does not stand between a name and a space", "write name: value on one line, and put text that holds a colon in quotes")
				return 0
			}
		case token.SequenceEntryType:
			if t.Position.Line == entry {
				l.refuse(t, "a list stands directly in a list", "write one - for each item")
				return 0
			}
			entry = t.Position.Line
		case token.CommentType, token.CollectEntryType, token.SpaceType:
		default:
			if scalars++; !l.stands(t) {
				l.refuse(t, "this text cannot be read as it stands", `in double quotes write only \\ and \" with a backslash, or use single quotes`)
				return 0
			}
		}
		if depth > maxDepth || keys > maxKeys {
			l.refuse(t, fmt.Sprintf("more than %d brackets in one another, or %d fields in one file", maxDepth, maxKeys), "split the file")
			return 0
		}
	}
	return scalars
}

// spaced says whether the colon t follows something in its line, and a space
// or the end of the line follows it.
func (l *loader) spaced(t *token.Token) bool {
	if t.Prev == nil || t.Prev.Position.Line != t.Position.Line || t.Position.Line > len(l.file.lines) {
		return false
	}
	line := []rune(l.file.lines[t.Position.Line-1])
	at := t.Position.Column // from 1: the next character
	return at >= len(line) || line[at] == ' '
}

// stands says whether what the library read is what stands at its place.
func (l *loader) stands(t *token.Token) bool {
	rest := ""
	if p := t.Position; p.Line >= 1 && p.Line <= len(l.file.lines) {
		line := []rune(l.file.lines[p.Line-1])
		rest = string(line[min(max(p.Column-1, 0), len(line)):])
	}
	switch t.Type {
	case token.SingleQuoteType:
		return strings.HasPrefix(rest, "'"+strings.ReplaceAll(t.Value, "'", "''")+"'")
	case token.DoubleQuoteType:
		return strings.HasPrefix(rest, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t.Value)+`"`)
	}
	return strings.HasPrefix(rest, t.Value)
}

// unwanted says why a token may not stand in a policy.
func unwanted(t *token.Token, brackets bool) (msg, fix string) {
	switch t.Type {
	case token.InvalidType:
		return t.Error, "put the text in quotes"
	case token.AnchorType, token.AliasType:
		return "anchors (&) and aliases (*) are not read", "write the value out where it is needed"
	case token.MergeKeyType:
		return "merge keys (<<) are not read", "write the fields out where they are needed"
	case token.TagType, token.DirectiveType:
		return "tags (!) and directives (%) are not read", "remove it"
	case token.MappingKeyType:
		return "a field that begins with ? is not read", "write name: value"
	case token.CollectEntryType:
		if p := t.PreviousType(); p == token.MappingStartType || p == token.SequenceStartType || p == token.CollectEntryType {
			return "a comma stands alone", "remove it"
		}
	case token.LiteralType, token.FoldedType:
		return "text in blocks (| and >) is not read", "write it on one line, in quotes"
	case token.DocumentHeaderType, token.DocumentEndType:
		return "a file holds one document", "remove this line, and put what follows in a file of its own"
	case token.StringType, token.SingleQuoteType, token.DoubleQuoteType:
		if plain := t.Type == token.StringType; plain && (odd(t.Value) || brackets && strings.ContainsAny(t.Value, "[]{},")) {
			return fmt.Sprintf("%q holds a sign that means something in YAML", t.Value), "put the text in quotes"
		}
		if strings.Contains(strings.Trim(t.Origin, " \n"), "\n") {
			return "this text goes on in the next line", "write it on one line, and check the indentation below"
		}
	}
	return "", ""
}

// odd says whether plain text holds one of YAML's own signs where it would count.
func odd(s string) bool {
	return s == "" || strings.HasSuffix(s, ":") || strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.Contains(",[]{}#&*!|>%@`\"'?:", s[:1]) || s == "-" || strings.HasPrefix(s, "- ")
}
