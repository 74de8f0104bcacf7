package approvals

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"lockbox/recorder/ledger"
)

// A Deed is one channel that was opened in a session, or one file.
type Deed struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`              // of the track: "pty", "exec", "sftp"; of a file what was done: "get", "put", "rename", …
	Command string    `json:"command,omitempty"` // of an exec
	File    *DeedFile `json:"file,omitempty"`
}

// A DeedFile is a file that was moved or changed.
type DeedFile struct {
	Path    string `json:"path"`
	To      string `json:"to,omitempty"` // of a rename or a link
	Bytes   int64  `json:"bytes"`        // that were moved
	SHA256  string `json:"sha256,omitempty"`
	Partial bool   `json:"partial,omitempty"` // they are not one pass from the beginning
}

// String is the file on one line: "/srv/a, 12 bytes, SHA-256 9f86…".
func (f DeedFile) String() string {
	text := printable(f.Path)
	if f.To != "" {
		text += " -> " + printable(f.To)
	}
	if f.SHA256 == "" {
		return text
	}
	text += fmt.Sprintf(", %d bytes, SHA-256 %s", f.Bytes, f.SHA256)
	if f.Partial {
		text += " of a part"
	}
	return text
}

// Deeds are what was done in a session, as far as the door can tell: what is
// typed into a shell is in its recording. The event of the session's end holds
// a commitment to them; erasing the salt and the deeds leaves it.
type Deeds struct {
	Salt []byte `json:"salt"`
	All  []Deed `json:"all"`            // in order
	More int    `json:"more,omitempty"` // that came after as many as are kept
}

// DeedsMost is how many deeds of one session are kept.
const DeedsMost = 1000

// NewDeeds makes them ready to be committed to.
func NewDeeds(all []Deed, more int) *Deeds {
	d := &Deeds{Salt: make([]byte, 16), All: all, More: more}
	_, _ = rand.Read(d.Salt) // never fails
	return d
}

// Commit is SHA-256("lockbox/deeds/v1" ‖ 0x00 ‖ salt ‖ JSON of all ‖ 0x00 ‖ JSON of more) in base64.
func (d *Deeds) Commit() (string, error) {
	all, err := json.Marshal(d.All)
	if err != nil {
		return "", err
	}
	more, err := json.Marshal(d.More)
	if err != nil {
		return "", err
	}
	b := append([]byte("lockbox/deeds/v1\x00"), d.Salt...)
	b = append(append(append(b, all...), 0), more...)
	return ledger.Commitment(sha256.Sum256(b)).String(), nil
}
