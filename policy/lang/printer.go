package lang

import (
	"strconv"
	"strings"
	"time"
)

// A draft is a table that is put together to be printed. What is empty is left out.
type draft struct{ n *node }

func newDraft() draft { return draft{&node{form: table}} }

func (d draft) node() *node { return d.n }

func (d draft) put(name string, v *node) draft {
	d.n.keys, d.n.vals = append(d.n.keys, &node{form: text, text: name}), append(d.n.vals, v)
	return d
}

func (d draft) text(name, s string) draft {
	if s == "" {
		return d
	}
	return d.put(name, &node{form: text, text: s})
}

func (d draft) number(name string, v int) draft {
	return d.put(name, &node{form: number, text: strconv.Itoa(v)})
}

func (d draft) span(name string, v time.Duration) draft {
	if v == 0 {
		return d
	}
	return d.text(name, spanText(v))
}

func (d draft) size(name string, v int64) draft {
	if v == 0 {
		return d
	}
	return d.text(name, sizeText(v))
}

func (d draft) list(name string, words []string) draft {
	return d.items(name, len(words), func(i int) *node { return &node{form: text, text: words[i]} })
}

func (d draft) items(name string, n int, item func(int) *node) draft {
	if n == 0 {
		return d
	}
	out := &node{form: list}
	for i := range n {
		out.vals = append(out.vals, item(i))
	}
	return d.put(name, out)
}

func (d draft) each(name string, names []string, val func(string) *node) draft {
	if len(names) == 0 {
		return d
	}
	out := newDraft()
	for _, one := range names {
		out.put(one, val(one))
	}
	return d.put(name, out.n)
}

// A printer writes nodes as YAML: sections by indentation, and what fits on a
// line in brackets.
type printer struct{ strings.Builder }

const printWidth = 120 // bytes of a line

// fields writes a table at an indent; level is how many tables it stands in.
func (p *printer) fields(n *node, indent, level int) {
	for i, key := range n.keys {
		if i > 0 || level == 0 {
			p.WriteString(strings.Repeat(" ", indent))
		}
		p.WriteString(title(key.text) + ":")
		p.value(n.vals[i], indent, level)
	}
}

// value writes what follows a name or a dash, and the end of its line.
func (p *printer) value(n *node, indent, level int) {
	if n.form != list && n.form != table {
		p.WriteString(" " + scalar(n) + "\n")
		return
	}
	if level > 0 {
		if s, ok := flow(n, printWidth-indent); ok {
			p.WriteString(" " + s + "\n")
			return
		}
	}
	p.WriteString("\n")
	for i, v := range n.vals {
		p.WriteString(strings.Repeat(" ", indent+2))
		if n.form == table {
			p.WriteString(title(n.keys[i].text) + ":")
			p.value(v, indent+2, level+1)
			continue
		}
		p.item(v, indent+2, level+1)
	}
}

// item writes one item of a list, its dash at the indent.
func (p *printer) item(n *node, indent, level int) {
	p.WriteString("-")
	if s, ok := flow(n, printWidth-indent); ok || n.form != table {
		p.WriteString(" " + s + "\n")
		return
	}
	p.WriteString(" ")
	p.fields(n, indent+2, level)
}

// flow is a node on one line, where it is not longer than width.
func flow(n *node, width int) (string, bool) {
	if n.form != list && n.form != table {
		return scalar(n), true
	}
	var parts []string
	left := width
	for i, v := range n.vals {
		s, ok := flow(v, left)
		if n.form == table {
			s = title(n.keys[i].text) + ": " + s
		}
		if left -= len(s) + 2; !ok || left < 0 {
			return "", false
		}
		parts = append(parts, s)
	}
	if n.form == list {
		return "[" + strings.Join(parts, ", ") + "]", true
	}
	return "{ " + strings.Join(parts, ", ") + " }", true
}

func scalar(n *node) string {
	if n.form == text {
		return quote(n.text)
	}
	return n.text
}

// title is the name of a field as it is written.
func title(s string) string {
	if s == "on" { // everybody writes it so
		return s
	}
	return quote(s)
}

// quote is text as it is written: without quotes where no reader of YAML can
// take it for anything else.
func quote(s string) string {
	if bare(s) {
		return s
	}
	single, double := strings.Count(s, "'"), strings.Count(s, `"`)+strings.Count(s, `\`)
	if single > double {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// bare says whether text needs no quotes.
func bare(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if s == "" || strings.HasSuffix(s, " ") || !only(s, letters+"0123456789 ._/+@-") || resolve(s) != text {
		return false
	}
	if first := strings.IndexByte(letters, s[0]); first < 0 { // 15m, 10MiB, 50/s
		return len(s) < 8 && whole(strings.TrimRight(s, letters+"/"), 6)
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off":
		return false
	}
	return true
}
