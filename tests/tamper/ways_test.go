package tamper

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A change is one way in which something is not what it was.
type change struct {
	way, what string
	data      []byte // nil: it is gone
}

const flips = 48 // of one object, at most

// ofBytes changes any file without knowing what it is.
func ofBytes(r *rand.Rand, b []byte) (out []change) {
	for range min(flips, 8*len(b)) {
		c := bytes.Clone(b)
		at := r.IntN(len(c))
		c[at] ^= 1 << r.IntN(8)
		out = append(out, change{"bit flip", fmt.Sprintf("%q for %q at %d", c[at], b[at], at), c})
	}
	for _, n := range []int{0, 1, len(b) / 3, len(b) / 2, len(b) - 2, len(b) - 1} {
		out = append(out, change{"truncation", fmt.Sprint(n), b[:n:n]})
	}
	return append(out,
		change{"duplication", "", append(bytes.Clone(b), b...)},
		change{"something behind", "", append(bytes.Clone(b), "}x"...)},
		change{"a brace behind", "", append(bytes.Clone(b), '}')},
		change{"deletion", "", nil})
}

// ofLines changes the lines of a text.
func ofLines(b, other []byte) (out []change) {
	lines, others := strings.SplitAfter(string(b), "\n"), strings.SplitAfter(string(other), "\n")
	edit := func(way string, l []string) {
		out = append(out, change{way, strings.Join(l, ""), []byte(strings.Join(l, ""))})
	}
	for i := range lines[:len(lines)-1] {
		edit("a line deleted", slices.Delete(slices.Clone(lines), i, i+1))
		edit("a line doubled", slices.Insert(slices.Clone(lines), i, lines[i]))
		if i > 0 {
			l := slices.Clone(lines)
			l[i], l[i-1] = l[i-1], l[i]
			edit("lines reordered", l)
		}
		if i < len(others) {
			l := slices.Clone(lines)
			l[i] = others[i]
			edit("a line replaced by another valid one", l)
		}
	}
	return out
}

// A file of a tar.
type member struct {
	name string
	data []byte
}

func unpack(t testing.TB, b []byte) (out []member) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		ok(t, err)
		out = append(out, member{h.Name, must(io.ReadAll(r))(t)})
	}
}

func pack(t testing.TB, all []member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range all {
		ok(t, w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o444, Size: int64(len(m.data)), Format: tar.FormatUSTAR}))
		must(w.Write(m.data))(t)
	}
	ok(t, w.Close())
	return out.Bytes()
}

func kindOf(name string) string {
	switch {
	case name == "checkpoint":
		return "checkpoint"
	case strings.HasPrefix(name, "tile/entries/"):
		return "entry bundle"
	}
	return "hash tile"
}

// ofTar changes the files in a whole log, each in a tar that is sound. other is a fork.
func ofTar(t testing.TB, r *rand.Rand, b, other []byte) (out []change) {
	t.Helper()
	all := unpack(t, b)
	forked := map[string][]byte{}
	for _, m := range unpack(t, other) {
		forked[m.name] = m.data
	}
	edit := func(way string, l []member) { out = append(out, change{way, "", pack(t, l)}) }
	for i, m := range all {
		with := func(data []byte) []member { l := slices.Clone(all); l[i].data = data; return l }
		for range 12 {
			c := bytes.Clone(m.data)
			c[r.IntN(len(c))] ^= 1 << r.IntN(8)
			edit(kindOf(m.name)+": bit flip", with(c))
		}
		edit(kindOf(m.name)+": truncation", with(m.data[:len(m.data)-1]))
		edit(kindOf(m.name)+": duplication", slices.Insert(slices.Clone(all), i, m))
		edit(kindOf(m.name)+": deletion", slices.Delete(slices.Clone(all), i, i+1))
		if f, ok := forked[m.name]; ok {
			edit(kindOf(m.name)+": replaced by a fork's", with(f))
		}
		if kindOf(m.name) == "hash tile" && len(m.data) >= 64 {
			edit("hash tile: reordered", with(append(bytes.Clone(m.data[32:64]), append(bytes.Clone(m.data[:32]), m.data[64:]...)...)))
		}
		if kindOf(m.name) == "entry bundle" {
			out = append(out, ofEntries(t, all, i)...)
		}
	}
	edit("a file that no log has", append(slices.Clone(all), member{"README", []byte("trust me")}))
	return out
}

// ofEntries changes the entries of a bundle, which stays a bundle.
func ofEntries(t testing.TB, all []member, at int) (out []change) {
	t.Helper()
	var es [][]byte
	for b := all[at].data; len(b) > 0; {
		n := 2 + int(b[0])<<8 + int(b[1])
		es, b = append(es, b[:n:n]), b[n:]
	}
	edit := func(way string, es [][]byte) {
		l := slices.Clone(all)
		l[at].data = slices.Concat(es...)
		out = append(out, change{"entry: " + way, "", pack(t, l)})
	}
	for _, i := range []int{0, 1, len(es) / 2, len(es) - 1} {
		edit("deletion", slices.Delete(slices.Clone(es), i, i+1))
		edit("duplication", slices.Insert(slices.Clone(es), i, es[i]))
		l := slices.Clone(es)
		l[i], l[(i+1)%len(l)] = l[(i+1)%len(l)], l[i]
		edit("reordered", l)
		l = slices.Clone(es)
		l[i] = l[(i+1)%len(l)]
		edit("replaced by another valid one", l)
	}
	return out
}

// A place in JSON: its path, and how to change what stands there. set(nil) takes it out.
type place struct {
	path  string
	value any
	set   func(v any)
}

// places lists them all. Each is good for one change of the document that it is of.
func places(path string, v any, set func(any)) (out []place) {
	out = append(out, place{path: path, value: v, set: set})
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, places(path+"."+k, v[k], func(n any) {
				if v[k] = n; n == nil {
					delete(v, k)
				}
			})...)
		}
	case []any:
		for i := range v {
			out = append(out, places(fmt.Sprintf("%s[%d]", path, i), v[i], func(n any) {
				if v[i] = n; n == nil {
					set(slices.Delete(v, i, i+1))
				}
			})...)
		}
	}
	return out
}

func parse(t testing.TB, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	ok(t, d.Decode(&v))
	return v
}

// ofJSON changes a document part by part. other is a valid one of the same kind.
func ofJSON(t testing.TB, r *rand.Rand, b, other []byte) (out []change) {
	t.Helper()
	fresh := func() (root *any, all []place) {
		root = new(any)
		*root = parse(t, b)
		return root, places("", *root, func(v any) { *root = v })
	}
	_, all := fresh()
	others := map[string]any{}
	theirs := parse(t, other)
	for _, p := range places("", theirs, func(any) {}) {
		others[p.path] = p.value
	}
	for i := 1; i < len(all); i++ {
		try := func(way string, v any) {
			root, again := fresh()
			again[i].set(v)
			out = append(out, change{way, fmt.Sprintf("%s: %.200v for %.200v", again[i].path, v, all[i].value), must(json.Marshal(*root))(t)})
		}
		try("part deleted", nil)
		if o, ok := others[all[i].path]; ok && fmt.Sprint(o) != fmt.Sprint(all[i].value) {
			try("part replaced by another valid one", o)
		}
		for _, c := range edits(r, all[i].value) {
			try(c.way, c.value)
		}
	}
	return out
}

type edit struct {
	way   string
	value any
}

func edits(r *rand.Rand, v any) (out []edit) {
	switch v := v.(type) {
	case json.Number:
		n, _ := v.Int64() // a fraction becomes 1
		return []edit{{"number changed", n + 1}}
	case bool:
		return []edit{{"yes for no", !v}}
	case string:
		if raw, err := base64.StdEncoding.DecodeString(v); err == nil && len(raw) > 20 {
			raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
			return []edit{{"bytes changed", base64.StdEncoding.EncodeToString(raw)}, {"bytes emptied", ""}}
		}
		if v == "" {
			return []edit{{"text changed", "x"}}
		}
		b := []rune(v)
		b[r.IntN(len(b))]++
		return []edit{{"text changed", string(b)}, {"text emptied", ""}}
	case []any:
		if len(v) > 0 {
			out = append(out, edit{"element duplicated", append(slices.Clone(v), v[0])})
		}
		if len(v) > 1 {
			l := slices.Clone(v)
			slices.Reverse(l)
			out = append(out, edit{"elements reordered", l})
		}
	}
	return out
}
