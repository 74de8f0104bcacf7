package lang

// Tree is a file as JSON has it, for those who hold it against a schema or
// against another reader of YAML; false where it is not read, or a
// field has no text for a name.
func Tree(data []byte) (any, bool) {
	f, errs := newFile("a.yaml", data)
	if len(errs) > 0 {
		return nil, false
	}
	n, errs := load(f)
	if len(errs) > 0 {
		return nil, false
	}
	return n.tree(), n.named()
}

// named says whether the names of all fields are text: the others are refused later.
func (n *node) named() bool {
	for _, k := range n.keys {
		if k.form != text {
			return false
		}
	}
	for _, v := range n.vals {
		if !v.named() {
			return false
		}
	}
	return true
}

func (n *node) tree() any {
	switch n.form {
	case text:
		return n.text
	case number:
		return Number(n.text)
	case truth:
		return n.text == "true" || n.text == "True" || n.text == "TRUE"
	case list:
		out := []any{}
		for _, v := range n.vals {
			out = append(out, v.tree())
		}
		return out
	case table:
		out := map[string]any{}
		for i, k := range n.keys {
			out[k.text] = n.vals[i].tree()
		}
		return out
	}
	return nil
}

// A Number is one as it is written.
type Number string
