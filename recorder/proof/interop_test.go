package proof_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	formatslog "github.com/transparency-dev/formats/log"
	formatsnote "github.com/transparency-dev/formats/note"
	formatsproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/compact"
	merkleproof "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// What we write, sumdb and the implementation of transparency-dev read; and the other way round.

func TestOthersReadOurCheckpointsAndCosignatures(t *testing.T) {
	log, w, f := newKey(t, origin), newWitness(t, "w.example"), grow(t, 70)
	ours := cosign(t, f.checkpoint(t, 70, log).Note, w.Signer)
	theirs := must(formatsnote.NewVerifierForCosignatureV1(w.vkey))(t)
	if theirs.KeyHash() != w.Verifier.KeyHash() || theirs.Name() != w.Verifier.Name() {
		t.Fatalf("they read the key as %s %08x", theirs.Name(), theirs.KeyHash())
	}
	root := f.tree(t, 70).Hash
	c, rest, n, err := formatslog.ParseCheckpoint(ours, origin, log.Verifier, theirs)
	if err != nil || c.Origin != origin || c.Size != 70 || !bytes.Equal(c.Hash, root[:]) || len(rest) != 0 || len(n.Sigs) != 2 {
		t.Fatalf("got %v, %q, %v", c, rest, err)
	}
	at, err := formatsnote.CoSigV1Timestamp(n.Sigs[1])
	if err != nil || !at.Equal(noon()) {
		t.Errorf("they read the time %v, %v", at, err)
	}
	plain := must(note.Open(ours, note.VerifierList(log.Verifier, w.Verifier)))(t)
	if tree := must(tlog.ParseTree([]byte("go.sum database tree\n" + strings.SplitN(plain.Text, "\n", 2)[1])))(t); tree != f.tree(t, 70) {
		t.Errorf("sumdb reads the tree %v", tree)
	}
}

func TestWeReadTheCheckpointsAndCosignaturesOfOthers(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 70)
	root := f.tree(t, 70).Hash
	signed := must(note.Sign(&note.Note{Text: string(formatslog.Checkpoint{Origin: origin, Size: 70, Hash: root[:]}.Marshal())}, log.Signer))(t)
	skey, vkey, err := note.GenerateKey(nil, "theirs.example") // their keys are those of sumdb, of type 1
	if err != nil {
		t.Fatal(err)
	}
	signer := must(formatsnote.NewSignerForCosignatureV1(skey))(t)
	v4 := must(formatsnote.VKeyToCosignatureV1(vkey))(t)
	c := must(proof.Open(cosign(t, signed, signer), origin, log.Verifier, must(proof.NewCosignatureVerifier(v4))(t)))(t)
	if len(c.Cosigned) != 1 || c.Cosigned[0].Name != "theirs.example" || c.Tree != f.tree(t, 70) {
		t.Errorf("got %v of %v", c.Cosigned, c.Tree)
	}
}

func hashed(path []tlog.Hash) (out [][]byte) {
	for _, h := range path {
		out = append(out, h[:])
	}
	return out
}

func TestOthersCheckOurProofs(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 70)
	for n := int64(1); n <= 70; n++ {
		c := f.checkpoint(t, n, log)
		for i := range n {
			var theirs formatsproof.TLogProof
			if err := theirs.Unmarshal(must(f.prove(t, i, c).MarshalText())(t)); err != nil {
				t.Fatal(err)
			}
			var path [][]byte
			for _, h := range theirs.Hashes {
				path = append(path, h[:])
			}
			leaf := rfc6962.DefaultHasher.HashLeaf(f.leaves[i])
			if err := merkleproof.VerifyInclusion(rfc6962.DefaultHasher, theirs.Index, uint64(n), leaf, path, c.Hash[:]); err != nil {
				t.Fatalf("entry %d of %d: %v", i, n, err)
			}
		}
		files := f.files(t, log)
		if n < 70 {
			files = (&forest{f.leaves[:n], f.hashes}).files(t, log)
		}
		for old := int64(1); old <= n; old++ {
			g := must(proof.Whole{Files: files}.Growth(c, old))(t)
			was := f.tree(t, old).Hash
			if err := merkleproof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old), uint64(n), hashed(g.Proof), was[:], c.Hash[:]); err != nil {
				t.Fatalf("from %d to %d: %v", old, n, err)
			}
		}
	}
}

// theirs is a log as the compact ranges of transparency-dev make it.
type theirs struct {
	nodes map[compact.NodeID][]byte
	root  []byte
}

func build(t *testing.T, leaves [][]byte) theirs {
	t.Helper()
	out := theirs{nodes: map[compact.NodeID][]byte{}}
	r := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, leaf := range leaves {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(leaf), func(id compact.NodeID, h []byte) { out.nodes[id] = h }); err != nil {
			t.Fatal(err)
		}
	}
	out.root = must(r.GetRootHash(nil))(t)
	return out
}

func (m theirs) prove(t *testing.T, nodes merkleproof.Nodes) (path []tlog.Hash) {
	t.Helper()
	var hs [][]byte
	for _, id := range nodes.IDs {
		hs = append(hs, m.nodes[id])
	}
	for _, h := range must(nodes.Rehash(hs, rfc6962.DefaultHasher.HashChildren))(t) {
		path = append(path, tlog.Hash(h))
	}
	return path
}

func TestWeCheckTheProofsOfOthers(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 70)
	for n := int64(1); n <= 70; n++ {
		m := build(t, f.leaves[:n])
		signed := must(note.Sign(&note.Note{Text: string(formatslog.Checkpoint{Origin: origin, Size: uint64(n), Hash: m.root}.Marshal())}, log.Signer))(t)
		c := must(proof.Open(signed, origin, log.Verifier))(t)
		for i := range n {
			p := formatsproof.TLogProof{Index: uint64(i), Checkpoint: signed, ExtraData: []byte("more")}
			for _, h := range m.prove(t, must(merkleproof.Inclusion(uint64(i), uint64(n)))(t)) {
				p.Hashes = append(p.Hashes, h)
			}
			var ours proof.Inclusion
			if err := ours.UnmarshalText(p.Marshal()); err != nil {
				t.Fatal(err)
			}
			fails(t, ours.Holds(f.leaves[i], c), "")
		}
		for old := int64(1); old < n; old++ {
			g := proof.Growth{Old: old, Proof: m.prove(t, must(merkleproof.Consistency(uint64(old), uint64(n)))(t))}
			fails(t, g.Holds(f.checkpoint(t, old, log), c), "")
		}
	}
}

// The tiles that are verified come out of sumdb/tlog in every other test here; these come out of compact ranges.
func TestTilesOfOthersAreRead(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 66000)
	m := build(t, f.leaves)
	files := f.files(t, log)
	for _, level := range []int{0, 1, 2} {
		for n := int64(0); n<<(8*level) < 66000; n++ {
			h, ok := m.nodes[compact.NodeID{Level: uint(8 * level), Index: uint64(n)}]
			if !ok {
				break
			}
			tile := n / 256
			width := min(66000>>(8*level)-tile*256, 256)
			got := files[proof.TilePath(level, tile, int(width))].Data[32*(n%256):][:32]
			if !slices.Equal(got, h) {
				t.Fatalf("hash %d of level %d differs", n, level)
			}
		}
	}
	fails(t, proof.Whole{Files: files}.Verify(f.checkpoint(t, 66000, log), nothing), "")
}

// The vectors that C2SP's documents show.
func TestTheExamplesOfTheSpecificationsAreRead(t *testing.T) {
	const text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	signed := text + "\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
	cosigned := signed + "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
	for _, b := range []string{signed, cosigned} {
		c := must(proof.Peek([]byte(b)))(t)
		if c.Origin != "example.com/behind-the-sofa" || c.N != 20852163 || proof.Text(c.Origin, c.Tree) != text {
			t.Errorf("got %q, %v", c.Origin, c.Tree)
		}
	}
	for n, want := range map[int64]string{0: "000", 67: "067", 1234067: "x001/x234/067", 1000: "x001/000"} {
		if got := proof.EntriesPath(n, 256); got != "tile/entries/"+want {
			t.Errorf("%d is %s", n, got)
		}
	}
	if got := proof.TilePath(1, 1234067, 17); got != "tile/1/x001/x234/067.p/17" {
		t.Errorf("got %s", got)
	}
	v := must(note.NewVerifier("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"))(t)
	example := "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
	must(note.Open([]byte(example), note.VerifierList(v)))(t)
	_, err := proof.Open([]byte(example), "example.com/foo", v)
	fails(t, err, "fewer than three lines") // signed, and no checkpoint
}
