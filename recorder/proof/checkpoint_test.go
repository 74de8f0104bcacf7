package proof_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"lockbox/recorder/proof"
)

// raw signs any text with a key, also what Sign refuses.
func raw(t testing.TB, text string, by ...note.Signer) []byte {
	t.Helper()
	return must(note.Sign(&note.Note{Text: text}, by...))(t)
}

// at is a cosignature of w that says it was made at a time, over a text that says so too.
func (w witness) at(t testing.TB, n []byte, when uint64) []byte {
	t.Helper()
	text, _, _ := strings.Cut(string(n), "\n\n")
	text += "\n"
	sig := must(w.Sign([]byte(text)))(t)
	sig = append(binary.BigEndian.AppendUint64(nil, when), sig[8:]...)
	b := append(binary.BigEndian.AppendUint32(nil, w.Verifier.KeyHash()), sig...)
	return fmt.Appendf(bytes.Clone(n), "— %s %s\n", w.Verifier.Name(), base64.StdEncoding.EncodeToString(b))
}

func TestACheckpointIsBelievedOnlyAsItsLogSignedIt(t *testing.T) {
	log, other, f := newKey(t, origin), newKey(t, origin), grow(t, 5)
	text := proof.Text(origin, f.tree(t, 5))
	good := raw(t, text, log.Signer)
	w, stranger := newWitness(t, "w.example"), newWitness(t, "s.example")
	line := good[bytes.Index(good, []byte("\n\n"))+2:]
	root := strings.Split(text, "\n")[2]
	empty := "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for _, tt := range []struct {
		name string
		note []byte
		want string
	}{
		{"as it was signed", good, ""},
		{"with an extension", raw(t, text+"more\n", log.Signer), ""},
		{"with a stranger's signature", cosign(t, good, stranger.Signer), ""},
		{"with a witness's", cosign(t, good, w.Signer), ""},
		{"an empty log", raw(t, origin+"\n0\n"+empty+"\n", log.Signer), ""},
		{"signed by another key of that name", raw(t, text, other.Signer), "not signed by"},
		{"cosigned only", raw(t, text, w.Signer), "not signed by"},
		{"signed twice", append(bytes.Clone(good), line...), "signed it twice"},
		{"cosigned twice", cosign(t, good, w.Signer, w.Signer), "signed it twice"},
		{"cosigned again at another time", w.at(t, cosign(t, good, w.Signer), 7), "signed it twice"},
		{"cosigned at the time zero", w.at(t, good, 0), "invalid signature"},
		{"cosigned at a negative time", w.at(t, good, 1<<63), "invalid signature"},
		{"cosigned at a time that no text can hold", w.at(t, good, 1<<62), "invalid signature"},
		{"cosigned at another time than it says", w.at(t, good, 12345), "invalid signature"},
		{"of another log", raw(t, strings.Replace(text, origin, origin+"/c/nord", 1), log.Signer), "is of the log"},
		{"without an origin", raw(t, "\n5\n"+root+"\n", log.Signer), "fewer than three lines, or an empty one"},
		{"of two lines", raw(t, origin+"\n5\n", log.Signer), "fewer than three lines"},
		{"an empty extension", raw(t, text+"\nmore\n", log.Signer), "an empty one"},
		{"a size with a zero before", raw(t, strings.Replace(text, "\n5\n", "\n05\n", 1), log.Signer), `the size "05"`},
		{"a size with a sign", raw(t, strings.Replace(text, "\n5\n", "\n+5\n", 1), log.Signer), "the size"},
		{"a negative size", raw(t, strings.Replace(text, "\n5\n", "\n-5\n", 1), log.Signer), "the size"},
		{"a size past all numbers", raw(t, strings.Replace(text, "\n5\n", "\n9223372036854775808\n", 1), log.Signer), "the size"},
		{"a short root", raw(t, origin+"\n5\nAAAA\n", log.Signer), "the root"},
		{"a root spelled otherwise", raw(t, origin+"\n5\n"+strings.Repeat("A", 42)+"B=\n", log.Signer), "the root"},
		{"an empty log with a root", raw(t, origin+"\n0\n"+root+"\n", log.Signer), "the root"},
		{"line ends of another system", bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")), "not plain text"},
		{"a byte that is no text", bytes.Replace(good, []byte("lockbox"), []byte("lock\xffox"), 1), "not plain text"},
		{"no signature", []byte(text), "no signature"},
		{"cut in the signature", good[:len(good)-9], "no signature"},
		{"something behind", append(bytes.Clone(good), "x\n"...), "malformed signature"},
		{"longer than any", raw(t, text+strings.Repeat("x", 40<<10)+"\n", log.Signer), "at most 32768"},
		{"more signatures than any", append(bytes.Clone(good), bytes.Repeat(cosign(t, nil, stranger.Signer)[2:], 101)...), "does not hold"},
		{"nothing", nil, "no signature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := proof.Open(tt.note, origin, log.Verifier, w.Verifier)
			fails(t, err, tt.want)
			if _, peeked := proof.Peek(tt.note); err == nil && peeked != nil {
				t.Errorf("Peek does not read what Open believes: %v", peeked)
			}
		})
	}
}

func TestNoByteOfACosignedCheckpointCanChange(t *testing.T) {
	log, w, f := newKey(t, origin), newWitness(t, "w.example"), grow(t, 5)
	good := cosign(t, f.checkpoint(t, 5, log).Note, w.Signer)
	want := must(proof.Open(good, origin, log.Verifier, w.Verifier))(t)
	if len(want.Cosigned) != 1 || want.Cosigned[0].Name != "w.example" || !want.Cosigned[0].At.Equal(noon()) {
		t.Fatalf("got cosignatures %v", want.Cosigned)
	}
	q := must(proof.NewQuorum(1, log.text, w.vkey))(t)
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if c, err := proof.Open(b, origin, log.Verifier, q.Witnesses...); err == nil && q.Met(c) == nil {
				t.Fatalf("bit %d of byte %d (%q) can be flipped", bit, i, good[i])
			}
		}
	}
}

func TestSignRefusesWhatCannotBeReadBack(t *testing.T) {
	log, f := newKey(t, origin), grow(t, 3)
	for _, name := range []string{"", "a\nb", "a\n"} {
		_, err := proof.Sign(name, f.tree(t, 3), log.Signer)
		fails(t, err, "no log that can be read back")
	}
	_, err := proof.Sign(origin, tlog.Tree{N: -1}, log.Signer)
	fails(t, err, "no log that can be read back")
}

func TestMergedSignaturesStandOnceEach(t *testing.T) {
	log, a, b, f := newKey(t, origin), newWitness(t, "a.example"), newWitness(t, "b.example"), grow(t, 5)
	bare := f.checkpoint(t, 5, log).Note
	all := must(proof.Merge(bare, cosign(t, bare, a.Signer), cosign(t, bare, b.Signer), cosign(t, bare, a.Signer)))(t)
	c := must(proof.Open(all, origin, log.Verifier, a.Verifier, b.Verifier))(t)
	if len(c.Cosigned) != 2 {
		t.Errorf("got %v, want two cosignatures", c.Cosigned)
	}
	later := must(proof.Merge(all, a.at(t, bare, 7)))(t)
	if strings.Count(string(later), "— a.example ") != 1 || bytes.Equal(later, all) {
		t.Errorf("the later signature of a.example does not stand alone:\n%s", later)
	}
	_, err := proof.Merge(bare, f.checkpoint(t, 4, log).Note)
	fails(t, err, "different checkpoints")
	_, err = proof.Merge(bare, []byte("x"))
	fails(t, err, "no signature")
}
