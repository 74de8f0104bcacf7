package backup

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A Role is what a file of a backup is for.
type Role string

// Roles of files.
const (
	IsLedger Role = "ledger"
	IsConfig Role = "config"
	IsPolicy Role = "policy"
	IsKey    Role = "key"
)

// A File is one file of a backup.
type File struct {
	Name   string `json:"name"` // with slashes, below the folder it is restored into
	Role   Role   `json:"role"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// A Manifest is the first thing in a backup. The log's key signs it.
type Manifest struct {
	Version    int       `json:"version"`
	Log        string    `json:"log"` // origin
	Kind       Kind      `json:"kind"`
	Made       time.Time `json:"made"`
	Checkpoint string    `json:"checkpoint"` // signed; the ledger in it has at least this
	Keys       bool      `json:"keys"`       // the gateway's keys are in it
	Files      []File    `json:"files"`      // the ledger first, in the order in which they follow
}

const (
	version     = 1
	head        = "lockbox/backup/v1\n" // so that no checkpoint can be taken for a manifest
	maxManifest = 1 << 20               // bytes, signed
	maxFiles    = 4096
	maxBeside   = 64 << 20 // bytes of a file that is not the ledger
)

// Keyring reports whether keys are listed exactly where the manifest says so.
func (m Manifest) keyring() bool {
	for _, f := range m.Files {
		if f.Role == IsKey {
			return m.Keys
		}
	}
	return !m.Keys
}

func (m Manifest) check() error {
	seen := map[string]bool{}
	for i, f := range m.Files {
		sum, err := hex.DecodeString(f.SHA256)
		switch {
		case !goodName(f.Name) || seen[strings.ToLower(f.Name)]:
			return fmt.Errorf("it lists a file %q", f.Name)
		case f.Role != IsLedger && f.Role != IsConfig && f.Role != IsPolicy && f.Role != IsKey:
			return fmt.Errorf("it lists %s as %q", f.Name, f.Role)
		case (f.Role == IsLedger) != (i == 0) || f.Size < 0 || f.Role != IsLedger && f.Size > maxBeside:
			return fmt.Errorf("%s does not belong where it lists it", f.Name)
		case err != nil || len(sum) != 32 || hex.EncodeToString(sum) != f.SHA256:
			return fmt.Errorf("it lists no SHA-256 of %s", f.Name)
		}
		seen[strings.ToLower(f.Name)] = true
	}
	switch {
	case m.Version != version:
		return fmt.Errorf("it has version %d, and this Lockbox reads %d: use the one that wrote it", m.Version, version)
	case len(m.Files) == 0 || len(m.Files) > maxFiles:
		return fmt.Errorf("it lists %d files", len(m.Files))
	case m.Made.Location() != time.UTC || m.Made.Nanosecond() != 0:
		return errors.New("it has no time in UTC")
	case !m.keyring():
		return errors.New("it does not say whether keys are in it")
	}
	return nil
}

// goodName takes plain relative paths.
func goodName(s string) bool {
	return s != "." && len(s) <= 255 && filepath.IsLocal(s) && path.Clean(s) == s && !strings.ContainsAny(s, "\\\x00\n") && s != manifestName
}

// text is what is signed.
func (m Manifest) text() (string, error) {
	b, err := json.Marshal(m)
	return head + string(b) + "\n", err
}

func (m Manifest) sign(by note.Signer) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("sign the manifest: %w", err)
	}
	text, err := m.text()
	if err != nil {
		return nil, fmt.Errorf("sign the manifest: %w", err)
	}
	b, err := note.Sign(&note.Note{Text: text}, by)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sign the manifest: %w", err)
	case len(b) > maxManifest:
		return nil, fmt.Errorf("the manifest has %d bytes, at most %d: there are too many policy files", len(b), maxManifest)
	}
	return b, nil
}

// parseManifest reads a signed manifest without asking whose signature it is.
func parseManifest(signed []byte) (m Manifest, err error) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	body, ok2 := strings.CutPrefix(text+"\n", head)
	if !ok || !ok2 {
		return m, errors.New("it has no manifest that this Lockbox reads")
	}
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("its manifest cannot be read: %w", err)
	}
	if again, err := m.text(); err != nil || again != text+"\n" {
		return m, errors.New("its manifest is not written as Lockbox writes it")
	}
	return m, m.check()
}

// signedBy says whether the key signed the manifest.
func signedBy(signed []byte, v note.Verifier) error {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil || !strings.HasPrefix(n.Text, head) || !bytes.HasPrefix(signed, []byte(n.Text)) {
		return fmt.Errorf("the backup was not made with the log key %s+%08x: whoever made it was not this gateway", v.Name(), v.KeyHash())
	}
	return nil
}
