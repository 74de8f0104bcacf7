package recorder

import (
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
