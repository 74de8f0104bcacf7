package recorder

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	manifestName  = "manifest"
	manifestMagic = "lockbox recording v1"
	manifestMost  = 64 << 20 // bytes: read no more
	keyName       = "key.age"
	keyMost       = 1 << 20
	stamp         = "2006-01-02T15:04:05.000Z" // UTC
)

// A Manifest is what the recorder signs when a recording ends.
type Manifest struct {
	Session   string
	Request   string
	Began     time.Time
	Ended     time.Time
	Cause     string
	Recovered bool     // the end was put together from the journal after a crash
	Key       [32]byte // SHA-256 of key.age
	Tracks    []string
	Segments  []Segment // in the order they closed
	Root      string    // RFC 6962 tree hash over the segments' lines
	Erased    bool      // key.age is gone; set by Verify, not signed
}

func (w *scribe) manifest(cause string, ended time.Time) Manifest {
	m := Manifest{
		Session: w.words.ID, Request: w.words.Request, Began: w.words.Began.UTC(), Ended: ended.UTC(),
		Cause: cause, Recovered: w.flags&rebuilt != 0, Key: [32]byte(w.keyHash), Segments: w.segments,
	}
	for _, t := range w.tapes {
		m.Tracks = append(m.Tracks, t.state.Name)
	}
	m.Root = treeRoot(m.leaves()).String()
	return m
}

func (m *Manifest) leaves() (hs []tlog.Hash) {
	for _, s := range m.Segments {
		hs = append(hs, s.leaf())
	}
	return hs
}

func (m *Manifest) seal() Seal {
	s := Seal{Root: m.Root, Segments: len(m.Segments)}
	for _, g := range m.Segments {
		s.Bytes += g.Size
	}
	return s
}

// Grew says whether root was the root at some time while the recording went
// on: what Progress gave then.
func (m *Manifest) Grew(root string) bool {
	hs := m.leaves()
	for n := range len(hs) + 1 {
		if treeRoot(hs[:n]).String() == root {
			return true
		}
	}
	return false
}

// text is what is signed: FORMAT.md.
func (m *Manifest) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nsession %s\nrequest %s\nbegan %s\nended %s\ncause %s\nrecovered %t\nkey %x\n",
		manifestMagic, m.Session, strconv.QuoteToASCII(m.Request), m.Began.Format(stamp), m.Ended.Format(stamp),
		strconv.QuoteToASCII(m.Cause), m.Recovered, m.Key)
	for _, t := range m.Tracks {
		fmt.Fprintf(&b, "track %s\n", t)
	}
	for _, s := range m.Segments {
		b.WriteString(s.line())
	}
	fmt.Fprintf(&b, "root %s\n", m.Root)
	return b.String()
}

func (m *Manifest) sign(by note.Signer) ([]byte, error) {
	if by == nil {
		return nil, errors.New("no key to sign with")
	}
	return note.Sign(&note.Note{Text: m.text()}, by)
}

// openManifest checks the signature and reads the text.
func openManifest(signed []byte, v note.Verifier) (Manifest, error) {
	if v == nil {
		return Manifest{}, errors.New("no key to verify with")
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Manifest{}, err
	}
	return parseManifest(n.Text)
}

// parseManifest takes exactly what text gives.
func parseManifest(text string) (Manifest, error) {
	var m Manifest
	sc := bufio.NewScanner(strings.NewReader(text))
	if !sc.Scan() || sc.Text() != manifestMagic {
		return m, errors.New("not a manifest of version 1")
	}
	for n := 2; sc.Scan(); n++ {
		if err := m.field(sc.Text()); err != nil {
			return Manifest{}, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := checkID(m.Session); err != nil {
		return Manifest{}, err
	}
	if sc.Err() != nil || m.text() != text {
		return Manifest{}, errors.New("a line is missing, doubled, out of place or not as it is written")
	}
	return m, nil
}

func (m *Manifest) field(line string) (err error) {
	name, value, _ := strings.Cut(line, " ")
	switch name {
	case "session":
		m.Session = value
	case "request":
		m.Request, err = strconv.Unquote(value)
	case "began":
		m.Began, err = time.Parse(stamp, value)
	case "ended":
		m.Ended, err = time.Parse(stamp, value)
	case "cause":
		m.Cause, err = strconv.Unquote(value)
	case "recovered":
		m.Recovered, err = strconv.ParseBool(value)
	case "key":
		m.Key, err = parseHash(value)
	case "track":
		m.Tracks, err = append(m.Tracks, value), checkTrack(value)
	case "segment":
		var s Segment
		s, err = parseSegment(value)
		m.Segments = append(m.Segments, s)
	case "root":
		m.Root = value
	default:
		err = fmt.Errorf("unknown field %q", name)
	}
	return err
}

func parseSegment(value string) (s Segment, err error) {
	f := strings.Fields(value)
	if len(f) != 3 {
		return s, errors.New("segment without name, size and hash")
	}
	track, file, _ := strings.Cut(f[0], "/")
	number, ok := strings.CutSuffix(file, ".seg")
	if err := checkTrack(track); err != nil || !ok {
		return s, fmt.Errorf("segment %q is not named as one", f[0])
	}
	s.Track = track
	if s.Number, err = strconv.Atoi(number); err != nil {
		return s, err
	}
	if s.Size, err = strconv.ParseInt(f[1], 10, 64); err != nil {
		return s, err
	}
	s.Hash, err = parseHash(f[2])
	return s, err
}

func parseHash(s string) (h [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, errors.New("not a SHA-256 in hexadecimal")
	}
	return [32]byte(b), nil
}
