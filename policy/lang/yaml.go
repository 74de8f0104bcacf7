package lang

import "strings"

// This file and scan.go read the YAML that policies are written in: tables and
// lists, by indentation or in brackets, and text on one line. It is our own
// because a policy of 10,000 targets must load within a second: the libraries
// take longer for their nodes alone, and read much that a reviewer does not
// see. Every text that is accepted here means the same to other readers of
// YAML; the tests hold it against one.

// A loader turns the text of one file into nodes. Line and at are where it
// stands: an index of the file's lines and of the bytes of that line.
type loader struct {
	file   *file
	line   int
	at     int
	depth  int
	failed Errors // at most one: what follows a mistake cannot be believed
	slab   []node
}

const maxDepth = 12 // tables and lists in one another; the shape needs 9

// load parses one file. It is nil where there are errors.
func load(f *file) (*node, Errors) {
	l := &loader{file: f, line: -1}
	l.next()
	if l.done() && l.failed == nil {
		return nil, Errors{f.errorAt(0, 0, "the file says nothing", "begin it with: version: 1")}
	}
	root := l.block()
	if !l.done() {
		l.stray(root, -1)
	}
	if l.failed != nil {
		return nil, l.failed
	}
	return root, nil
}

func (l *loader) done() bool { return l.failed != nil || l.line >= len(l.file.lines) }

// rest is what stands in the line from here on.
func (l *loader) rest() string { return l.file.lines[l.line][l.at:] }

// next goes to the first word of the next line that says something.
func (l *loader) next() {
	for l.line++; l.line < len(l.file.lines); l.line++ {
		line := l.file.lines[l.line]
		l.at = len(line) - len(strings.TrimLeft(line, " "))
		if l.at == len(line) || line[l.at] == '#' {
			continue
		}
		if l.at == 0 && (marks(line, "---") || marks(line, "...")) {
			l.fail(l.line, 0, "a file holds one document", "remove this line, and put what follows in a file of its own")
		}
		return
	}
}

func marks(line, mark string) bool {
	after, ok := strings.CutPrefix(line, mark)
	return ok && (after == "" || after[0] == ' ')
}

// fail notes the first mistake.
func (l *loader) fail(line, at int, msg, fix string) {
	if l.failed == nil {
		l.failed = Errors{l.file.errorAt(line+1, l.file.column(line, at), msg, fix)}
	}
}

// failHere notes a mistake where the loader stands.
func (l *loader) failHere(msg, fix string) { l.fail(l.line, l.at, msg, fix) }

// failAt notes a mistake at a node.
func (l *loader) failAt(n *node, msg, fix string) {
	if l.failed == nil {
		l.failed = Errors{l.file.errorAt(n.line, n.col, msg, fix)}
	}
}

// node makes one, where the loader stands.
func (l *loader) node(f form) *node {
	if len(l.slab) == 0 {
		l.slab = make([]node, 256)
	}
	n := &l.slab[0]
	l.slab = l.slab[1:]
	*n = node{file: l.file, line: l.line + 1, col: l.file.column(l.line, l.at), form: f}
	return n
}

// deeper counts a table or list, until it is over.
func (l *loader) deeper() {
	if l.depth++; l.depth > maxDepth {
		l.failHere("more than 12 tables and lists stand in one another", "write it flatter")
	}
}

func dash(s string) bool { return s == "-" || strings.HasPrefix(s, "- ") }

// block reads what begins at the first word of a line.
func (l *loader) block() *node {
	if l.done() {
		return nil
	}
	if dash(l.rest()) {
		return l.list(l.at)
	}
	return l.item()
}

// list reads items whose dashes stand at col.
func (l *loader) list(col int) *node {
	n := l.node(list)
	l.deeper()
	defer func() { l.depth-- }()
	for !l.done() && l.at == col && dash(l.rest()) {
		none := l.node(nothing)
		l.at++
		if l.blank() {
			if l.next(); !l.done() && l.at > col {
				n.vals = append(n.vals, l.block())
			} else {
				n.vals = append(n.vals, none)
			}
		} else if dash(l.rest()) {
			l.failHere("a list stands directly in a list", "write one - for each item")
		} else {
			n.vals = append(n.vals, l.item())
		}
		if !l.done() && l.at > col {
			l.stray(n.vals[len(n.vals)-1], col)
		}
	}
	return n
}

// item reads a table whose first field begins here, or else one value.
func (l *loader) item() *node {
	col, line := l.at, l.line
	n := l.value(false)
	if l.done() {
		return n
	}
	if l.colon() {
		if line != l.line {
			l.failHere("a field needs a name", "write name: value")
		}
		return l.table(col, n)
	}
	l.endLine(n)
	return n
}

// table reads fields whose names stand at col; the loader stands before the
// colon behind the first.
func (l *loader) table(col int, key *node) *node {
	n := l.node(table)
	n.line, n.col = key.line, key.col
	l.deeper()
	defer func() { l.depth-- }()
	for {
		if key.form == list || key.form == table {
			l.failAt(key, "a field needs a name", "write name: value")
		}
		l.at++
		val := l.fieldValue(col, key)
		if l.failed != nil {
			return n
		}
		n.keys, n.vals = append(n.keys, key), append(n.vals, val)
		switch {
		case l.done() || l.at < col:
			return n
		case l.at > col || dash(l.rest()):
			l.stray(val, col)
			return n
		}
		line := l.line
		if key = l.value(false); l.failed != nil {
			return n
		}
		if !l.colon() || l.line != line {
			l.failAt(key, "this is no field", "write name: value, and indent what belongs to the field above")
			return n
		}
	}
}

// fieldValue reads what stands behind the colon of a field at col, and goes to
// the next line.
func (l *loader) fieldValue(col int, key *node) *node {
	if !l.blank() {
		val := l.value(false)
		if l.failed == nil && l.colon() {
			l.failAt(val, "a second colon stands in this line", "put the text in quotes, or begin the table on a line of its own")
		}
		l.endLine(val)
		return val
	}
	l.next()
	switch {
	case l.done():
	case l.at > col:
		return l.block()
	case l.at == col && dash(l.rest()): // dashes may stand below the name
		return l.list(col)
	}
	none := &node{file: l.file, line: key.line, col: key.col}
	return none // stands nowhere
}

// stray notes a line that stands deeper than it may, behind n.
func (l *loader) stray(n *node, col int) {
	if n != nil && n.plain && n.line == l.previous() && l.at > col {
		l.failAt(n, "this text goes on in the next line", "write it on one line, and check the indentation below")
		return
	}
	l.failHere("this does not stand in line with what is above", "indent the fields of one table alike, and their values more")
}

// previous is the number of the last line before this one that says something.
func (l *loader) previous() int {
	for i := l.line - 1; i >= 0; i-- {
		if s := strings.TrimLeft(l.file.lines[i], " "); s != "" && s[0] != '#' {
			return i + 1
		}
	}
	return 0
}

// blank skips spaces, and says whether nothing but a comment follows.
func (l *loader) blank() bool {
	line := l.file.lines[l.line]
	for l.at < len(line) && line[l.at] == ' ' {
		l.at++
	}
	return l.at == len(line) || line[l.at] == '#' && (l.at == 0 || line[l.at-1] == ' ')
}

// colon says whether a colon that ends the name of a field follows.
func (l *loader) colon() bool {
	l.blank()
	rest := l.rest()
	return rest == ":" || strings.HasPrefix(rest, ": ")
}

// endLine goes to the next line; n must be the last thing in this one.
func (l *loader) endLine(n *node) {
	switch {
	case l.failed != nil:
	case l.blank():
		l.next()
	case n.form == list || n.form == table:
		l.failHere("something follows the bracket that ends here", "put it on a line of its own")
	default:
		l.failHere("something follows the text that ends here", "put quotes around the whole of it")
	}
}
