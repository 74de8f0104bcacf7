package recorder

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// Signed reads a manifest that the owner of v signed. What it names is not looked at: that is Verify's.
func Signed(manifest []byte, v note.Verifier) (Manifest, error) {
	m, err := openManifest(manifest, v)
	if err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	return m, nil
}

// destroyedText is what is signed of a key that was destroyed.
func destroyedText(session string) string {
	return "lockbox destroyed key v1\nsession " + session + "\n"
}

// SignDestroyed gives the signed word that a session's key was destroyed: the
// same bytes each time.
func (s *Shelf) SignDestroyed(session string) ([]byte, error) {
	if s.Signer == nil {
		return nil, errors.New("no key to sign with")
	}
	return note.Sign(&note.Note{Text: destroyedText(session)}, s.Signer)
}

// Destroyed says whether that is such a word of this shelf about the session.
func (s *Shelf) Destroyed(session string, signed []byte) bool {
	if s.Verifier == nil {
		return false
	}
	n, err := note.Open(signed, note.VerifierList(s.Verifier))
	return err == nil && n.Text == destroyedText(session)
}
