package lang

import "fmt"

// A form is what kind of thing a node is. The zero form is no value at all.
type form int

const (
	nothing form = iota
	text
	number // plain, not quoted
	truth  // true or false, not quoted
	list
	table
)

func (f form) String() string {
	return [...]string{"no value", "text", "a number", "true or false", "a list", "a table"}[f]
}

// A node is one value of a file and the place where it stands.
type node struct {
	file      *file
	line, col int
	form      form
	text      string  // of text, number and truth
	plain     bool    // written without quotes or brackets
	keys      []*node // of a table, in the order of the file; each text
	vals      []*node // of a table, one for each key, or of a list
}

// where is "file:line:col".
func (n *node) where() string { return fmt.Sprintf("%s:%d:%d", n.file.name, n.line, n.col) }

// find goes down tables by name and lists by the text of an item, as far as
// the path leads, and returns the last node met.
func (n *node) find(path ...string) *node {
	for _, name := range path {
		next := n.child(name)
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func (n *node) child(name string) *node {
	for i, v := range n.vals {
		if n.form == table && n.keys[i].text == name || n.form == list && v.text == name {
			return v
		}
	}
	return nil
}

// key is where the name of a field stands; nil where there is none.
func (n *node) key(name string) *node {
	for _, k := range n.keys {
		if k.text == name {
			return k
		}
	}
	return nil
}
