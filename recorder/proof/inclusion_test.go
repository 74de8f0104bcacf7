package proof_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

func (f *forest) prove(t testing.TB, i int64, c proof.Checkpoint) proof.Inclusion {
	t.Helper()
	return proof.Inclusion{Index: i, Path: must(tlog.ProveRecord(c.N, i, f))(t), Checkpoint: c.Note}
}

func TestEveryEntryIsProvenInEveryTree(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 40)
	for n := int64(1); n <= 40; n++ {
		c := f.checkpoint(t, n, log)
		for i := range n {
			var p proof.Inclusion
			if err := p.UnmarshalText(must(f.prove(t, i, c).MarshalText())(t)); err != nil {
				t.Fatal(err)
			}
			fails(t, p.Holds(f.leaves[i], c), "")
			if p.Holds(f.leaves[(i+1)%40], c) == nil {
				t.Fatalf("entry %d of %d is proven to be another", i, n)
			}
		}
	}
}

func TestAnotherSpellingOfAnInclusionIsRefused(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 40)
	c := f.checkpoint(t, 40, log)
	good := string(must(f.prove(t, 7, c).MarshalText())(t))
	hash := strings.Split(good, "\n")[2]
	for _, tt := range []struct{ name, old, new, want string }{
		{"as it was made", "", "", ""},
		{"an extra line", "index", "extra AAAA\nindex", ""},
		{"an extra line that is no base64", "index", "extra %\nindex", "extra line"},
		{"two extra lines", "index", "extra AAAA\nextra AAAA\nindex", "the index"},
		{"another version", "@v1", "@v2", "this is no"},
		{"an index with a zero before", "index 7", "index 07", "the index"},
		{"a negative index", "index 7", "index -7", "the index"},
		{"no index", "index 7\n", "", "the index"},
		{"an index past all numbers", "index 7", "index 9223372036854775808", "the index"},
		{"a hash spelled otherwise", hash, hash[:42] + string(hash[42]+1) + "=", "not 32 bytes"},
		{"a hash with a carriage return", hash, hash + "\r", "not 32 bytes"},
		{"a short hash", hash, hash[:40], "not 32 bytes"},
		{"more hashes than any tree has", hash, strings.Repeat(hash+"\n", 64) + hash, "at most 64"},
		{"no checkpoint", "\n\n" + origin, "\n\n", "no signature"},
		{"line ends of another system", "\n", "\r\n", "this is no"},
		{"longer than any", "index", "extra " + strings.Repeat("A", 64<<10) + "\nindex", "at most 65536"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p proof.Inclusion
			text := strings.Replace(good, tt.old, tt.new, 1)
			if tt.name == "no checkpoint" {
				text = good[:strings.Index(good, "\n\n")+2]
			}
			fails(t, p.UnmarshalText([]byte(text)), tt.want)
		})
	}
}

func TestAnInclusionHoldsUnderItsOwnCheckpointOnly(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 40)
	c, again := f.checkpoint(t, 40, log), f.checkpoint(t, 39, log)
	p := f.prove(t, 7, c)
	fails(t, p.Holds(f.leaves[7], c), "")
	fails(t, p.Holds(f.leaves[7], again), "under another checkpoint")
	for name, spoil := range map[string]func(*proof.Inclusion){
		"another index":        func(p *proof.Inclusion) { p.Index = 8 },
		"an index past it":     func(p *proof.Inclusion) { p.Index = 40 },
		"a negative index":     func(p *proof.Inclusion) { p.Index = -1 },
		"a hash less":          func(p *proof.Inclusion) { p.Path = p.Path[1:] },
		"a hash more":          func(p *proof.Inclusion) { p.Path = append(p.Path, tlog.Hash{}) },
		"hashes in this order": func(p *proof.Inclusion) { p.Path[0], p.Path[1] = p.Path[1], p.Path[0] },
		"no hashes":            func(p *proof.Inclusion) { p.Path = nil },
	} {
		q := f.prove(t, 7, c)
		spoil(&q)
		t.Run(name, func(t *testing.T) { fails(t, q.Holds(f.leaves[7], c), "is not in the tree") })
	}
}

func TestGrowthIsProvenBetweenAllTrees(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 40)
	for n := int64(1); n <= 40; n++ {
		newer := f.checkpoint(t, n, log)
		for old := int64(0); old <= n; old++ {
			g := proof.Growth{Old: old}
			if old > 0 {
				g.Proof = must(tlog.ProveTree(n, old, f))(t)
			}
			fails(t, g.Holds(f.checkpoint(t, old, log), newer), "")
		}
	}
}

func TestARewrittenPastDoesNotGrow(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 40)
	fork := grow(t, 3)
	fork.leaves = nil
	fork.hashes = nil
	for i := range 40 {
		leaf := fmt.Appendf(nil, "other %d", i)
		fork.hashes = append(fork.hashes, must(tlog.StoredHashes(int64(i), leaf, fork))(t)...)
	}
	at := func(n int64) proof.Checkpoint { return f.checkpoint(t, n, log) }
	forked := func(n int64) proof.Checkpoint { return fork.checkpoint(t, n, log) }
	elsewhere := at(10)
	elsewhere.Origin = "x"
	good := proof.Growth{Old: 10, Proof: must(tlog.ProveTree(40, 10, f))(t)}
	longer := proof.Growth{Old: 10, Proof: append(good.Proof[:len(good.Proof):len(good.Proof)], tlog.Hash{})}
	for _, tt := range []struct {
		name         string
		g            proof.Growth
		older, newer proof.Checkpoint
		want         string
	}{
		{"as it grew", good, at(10), at(40), ""},
		{"rewound", proof.Growth{Old: 40}, at(40), at(10), "went back from 40 entries to 10"},
		{"a fork of the same size", proof.Growth{Old: 40}, at(40), forked(40), "two logs with 40 entries"},
		{"a fork that grew", good, at(10), forked(40), "are not what they were"},
		{"a fork before", good, forked(10), at(40), "are not what they were"},
		{"of another size", good, at(11), at(40), "begins at 10 entries"},
		{"of two logs", good, elsewhere, at(40), "two logs"},
		{"a hash more", longer, at(10), at(40), "are not what they were"},
		{"hashes where none is needed", proof.Growth{Old: 40, Proof: good.Proof}, at(40), at(40), "none is needed"},
		{"hashes from nothing on", proof.Growth{Proof: good.Proof}, at(0), at(40), "none is needed"},
		{"no proof", proof.Growth{Old: 10}, at(10), at(40), "are not what they were"},
	} {
		t.Run(tt.name, func(t *testing.T) { fails(t, tt.g.Holds(tt.older, tt.newer), tt.want) })
	}
}

func TestAGrownFileIsReadStrictly(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 40)
	older, newer := f.checkpoint(t, 10, log), f.checkpoint(t, 40, log)
	good := string(must(proof.GrownFile(older.Note, newer.Note, proof.Growth{Old: 10, Proof: must(tlog.ProveTree(40, 10, f))(t)}))(t))
	hash := must(json.Marshal(newer.Hash))(t)
	for _, tt := range []struct{ name, text, want string }{
		{"as it was made", good, ""},
		{"an unknown field", strings.Replace(good, `"old"`, `"older"`, 1), "unknown field"},
		{"a brace more", good + "}", "something follows"},
		{"something behind", good + " 7", "something follows"},
		{"another form", strings.Replace(good, "/v1", "/v2", 1), "it is no"},
		{"no checkpoint", `{"format":"lockbox-growth/v1"}`, "no signature"},
		{"a hash that is none", strings.Replace(good, `"proof": [`, `"proof": [null,`, 1), "read the proof"},
		{"more hashes than any", strings.Replace(good, `"proof": [`, `"proof": [`+strings.Repeat(string(hash)+",", 64), 1), "hashes, from 10"},
		{"longer than any", good + strings.Repeat(" ", 128<<10), "at most 131072"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := proof.ParseGrown([]byte(tt.text))
			fails(t, err, tt.want)
			if err == nil {
				_, _, err := g.Holds(origin, log.Verifier)
				fails(t, err, "")
				_, _, err = g.Holds("other.example", log.Verifier)
				fails(t, err, "the older checkpoint")
			}
		})
	}
}
