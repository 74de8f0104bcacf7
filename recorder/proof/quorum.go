package proof

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A Quorum is somebody's own rule: K of these witnesses must have cosigned.
// The zero Quorum asks for none.
type Quorum struct {
	K         int
	Witnesses []note.Verifier
}

// NewQuorum reads the public keys of witnesses. None counts twice, under two
// names or with two keys, and the log is no witness of itself.
func NewQuorum(k int, logKey string, vkeys ...string) (Quorum, error) {
	if k < 0 || k > len(vkeys) {
		return Quorum{}, fmt.Errorf("a quorum of %d cannot be had from %d witnesses", k, len(vkeys))
	}
	q := Quorum{K: k}
	keys := [][]byte{rawKey(logKey)}
	if keys[0] == nil {
		return Quorum{}, fmt.Errorf("%.80q is no key of a log", logKey)
	}
	var names []string
	for _, text := range vkeys {
		v, err := NewCosignatureVerifier(text)
		if err != nil {
			return Quorum{}, err
		}
		key := rawKey(text)
		switch {
		case slices.Contains(names, v.Name()):
			return Quorum{}, fmt.Errorf("the witness %s stands twice among the witnesses", v.Name())
		case bytes.Equal(key, keys[0]):
			return Quorum{}, fmt.Errorf("the witness %s has the key of the log itself", v.Name())
		case slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) }):
			return Quorum{}, fmt.Errorf("the witness %s has the key of another one", v.Name())
		}
		keys, names, q.Witnesses = append(keys, key), append(names, v.Name()), append(q.Witnesses, v)
	}
	return q, nil
}

// rawKey is the key in the text of one, "name+hash+base64", without the byte of
// its type; nil where there is none. Base64 may hold a + too.
func rawKey(vkey string) []byte {
	parts := strings.SplitN(vkey, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(parts) != 3 || len(key) < 2 {
		return nil
	}
	return key[1:]
}

// Met says whether enough of the witnesses cosigned c, which must have been opened with them.
func (q Quorum) Met(c Checkpoint) error {
	n := 0
	for _, s := range c.Cosigned { // each key once: Open refuses two by one
		if slices.ContainsFunc(q.Witnesses, func(v note.Verifier) bool { return s.Name == v.Name() && s.Key == v.KeyHash() }) {
			n++
		}
	}
	if n < q.K {
		return fmt.Errorf("%d of %d witnesses cosigned it, %d must", n, len(q.Witnesses), q.K)
	}
	return nil
}
