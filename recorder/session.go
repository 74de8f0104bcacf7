package recorder

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/policy"
)

// A Session is who worked where, under which request, and how it ended. It is
// sealed with what was recorded: in clear there are only the ID and the Request.
type Session struct {
	ID        string           `json:"id"` // see NewID
	Request   string           `json:"request,omitempty"`
	Target    string           `json:"target,omitempty"`
	Login     string           `json:"login,omitempty"`
	Remote    string           `json:"remote,omitempty"`
	Who       policy.Principal `json:"who"`
	Customers []string         `json:"customers,omitempty"`
	Began     time.Time        `json:"began"`
	Ended     time.Time        `json:"ended,omitzero"`
	Cause     string           `json:"cause,omitempty"`
	Tracks    int              `json:"tracks,omitempty"`
	Root      string           `json:"root,omitempty"`
}

// A Header says what one track is the record of.
type Header struct {
	Kind    string            `json:"kind"` // "pty", "exec"; "sftp", "http", "sql": objects; "fwd", "file": bytes
	Command string            `json:"command,omitempty"`
	Term    string            `json:"term,omitempty"`
	Cols    int               `json:"cols,omitempty"`
	Rows    int               `json:"rows,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	Input   bool              `json:"input,omitempty"` // keep the input of a command, and what a terminal echoes of what is typed

	Bulk   int64         `json:"bulk,omitempty"`   // bytes kept of each stream that is no terminal's; 0: policy.DefaultBulk
	Strict bool          `json:"strict,omitempty"` // Output returns when it is on disk
	Redact policy.Redact `json:"redact,omitempty"` // taken out before it is sealed
}

// How a recording is made, as the rule says.
type How struct {
	Readers   []string // age public keys that it is sealed to besides the shelf's own; all hybrid ("age1pq1…")
	NotVault  bool     // it is not sealed to the shelf's own
	Emergency bool     // it may use the room that is kept for breaking the glass
	Strict    bool     // its tracks are to be: it is not opened unless the shelf's Health is Green
}

// A Seal is what a closed recording comes to.
type Seal struct {
	Root     string // Merkle root over the segments; see FORMAT.md
	Bytes    int64  // of all segments, on disk
	Segments int
}

// Causes that have a meaning here.
const (
	CauseFailed  = "recorder failed"  // a write or a sync went wrong
	CauseStopped = "recorder stopped" // the process ended before the recording
	CauseNever   = "never opened"     // the door's: the session was refused after all, and the log does not know it
)

// crockford is the alphabet of session ids: no I, L, O or U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID makes a session id: 26 characters that sort by time and hold 80 bits of chance.
func NewID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never fails
	var id [26]byte
	for i := range id { // as base32 does, five bits each; the last has two of them nowhere
		at := i * 5
		two := uint(b[at/8]) << 8
		if at/8 < 15 {
			two |= uint(b[at/8+1])
		}
		id[i] = crockford[two>>(11-at%8)&31]
	}
	return string(id[:])
}

// IDTime is when an id was made, to the ms; the zero Time where it is none.
func IDTime(id string) time.Time {
	b, err := base32.NewEncoding(crockford).WithPadding(base32.NoPadding).DecodeString(id)
	if err != nil || len(b) != 16 {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b) >> 16)).UTC()
}

func checkID(id string) error {
	if len(id) != 26 || strings.Trim(id, crockford) != "" {
		return fmt.Errorf("session id %q is not 26 characters of Crockford's base32", id)
	}
	return nil
}

// check refuses what would not fit into the first segment or the manifest.
func (s Session) check() error {
	b, err := json.Marshal(s)
	switch {
	case err != nil:
		return err
	case len(b) > 16<<10:
		return fmt.Errorf("the words about the session have %d bytes, more than %d", len(b), 16<<10)
	case len(s.Request) > 100:
		return fmt.Errorf("the request's name has %d bytes, more than 100", len(s.Request))
	}
	return checkID(s.ID)
}

// check refuses what cannot be named in a path, or would not fit into the first segment.
func (h Header) check() error {
	n := len(h.Command) + len(h.Term)
	for k, v := range h.Env {
		n += len(k) + len(v)
	}
	switch {
	case !slices.Contains([]string{"pty", "exec", "fwd", "file"}, h.Kind) && !h.objects():
		return fmt.Errorf("kind of track %q is not known", h.Kind)
	case h.Bulk < 0:
		return fmt.Errorf("%d bytes to keep of a stream", h.Bulk)
	case h.Cols < 0 || h.Rows < 0:
		return fmt.Errorf("terminal of %d×%d", h.Cols, h.Rows)
	case n > 32<<10:
		return fmt.Errorf("command, terminal and environment have %d bytes, more than %d", n, 32<<10)
	}
	return nil
}

// objects: a track of such a kind takes operations, not bytes.
func (h Header) objects() bool { return slices.Contains([]string{"sftp", "http", "sql"}, h.Kind) }

// Redacted is the Header without what it says is to be taken out.
func (h Header) Redacted() Header {
	if h.Redact == 0 {
		return h
	}
	h.Command = redactText(h.Command, h.Redact)
	env := make(map[string]string, len(h.Env))
	for k, v := range h.Env {
		env[k] = strings.TrimPrefix(redactText(k+"="+v, h.Redact), k+"=")
	}
	if h.Env != nil {
		h.Env = env
	}
	return h
}

// checkTrack wants a track's name: its kind, of 2 to 8 small letters, and its
// place in the recording, of at most 5 digits without a zero before others.
func checkTrack(name string) error {
	n := strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz")
	if k := len(name) - len(n); k < 2 || k > 8 || len(n) < 1 || len(n) > 5 || strings.Trim(n, "0123456789") != "" || n[0] == '0' && n != "0" {
		return fmt.Errorf("track %q is not a kind and a number", name)
	}
	return nil
}

// trackOrder is a track's place in the recording.
func trackOrder(name string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz")) // see checkTrack
	return n
}
