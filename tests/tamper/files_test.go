package tamper

import (
	"bytes"
	"math/rand/v2"
	"path"
	"slices"
	"testing"
)

// fileOf is what a file of a recording or a clip is.
func fileOf(name string) string {
	if path.Ext(name) == ".seg" {
		return "segment"
	}
	return path.Base(name)
}

// ofFiles changes the files in a tar, each in a tar that is sound.
func ofFiles(t testing.TB, r *rand.Rand, b []byte) (out []change) {
	t.Helper()
	all := unpack(t, b)
	edit := func(i int, way string, l []member) {
		out = append(out, change{fileOf(all[i].name) + ": " + way, all[i].name, pack(t, l)})
	}
	for i, m := range all {
		with := func(name string, data []byte) []member {
			l := slices.Clone(all)
			l[i] = member{name, data}
			return l
		}
		for range 24 {
			c := bytes.Clone(m.data)
			c[r.IntN(len(c))] ^= 1 << r.IntN(8)
			edit(i, "bit flip", with(m.name, c))
		}
		edit(i, "truncation", with(m.name, m.data[:len(m.data)-1]))
		edit(i, "something behind", with(m.name, append(bytes.Clone(m.data), 'x')))
		edit(i, "duplication", slices.Insert(slices.Clone(all), i, m))
		edit(i, "deletion", slices.Delete(slices.Clone(all), i, i+1))
		edit(i, "renamed", with(m.name+"x", m.data))
		if next := all[(i+1)%len(all)]; !bytes.Equal(next.data, m.data) {
			edit(i, "replaced by another valid one", with(m.name, next.data))
		}
	}
	edit(0, "a file more", append(slices.Clone(all), member{path.Join(path.Dir(all[0].name), "README"), []byte("trust me")}))
	return out
}

// ofClip changes a clip in ways that need to know what it is: other is the whole recording.
func ofClip(t testing.TB, r *rand.Rand, b, other []byte) (out []change) {
	t.Helper()
	all := unpack(t, b)
	for i, m := range all {
		if m.name == "clip.json" {
			for _, c := range ofJSON(t, r, m.data, m.data) {
				l := slices.Clone(all)
				l[i].data = c.data
				out = append(out, change{"clip.json: " + c.way, c.what, pack(t, l)})
			}
		}
		for _, o := range unpack(t, other) {
			if fileOf(o.name) == "segment" && fileOf(m.name) == "segment" && !bytes.Equal(o.data, m.data) {
				l := slices.Clone(all)
				l[i].data = o.data
				out = append(out, change{"segment: of elsewhere in the recording", o.name, pack(t, l)})
			}
		}
	}
	return out
}
