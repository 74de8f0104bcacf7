package recorder

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Clip is what a clip was found to prove.
type Clip struct {
	Session  string
	Track    string
	From     time.Duration // since the track began
	Until    time.Duration
	Root     string    // of the recording
	Segments []Segment // of them it shows what they hold, all of it
	Of       int       // segments the recording has
	Manifest Manifest  // as it was signed; zero if no key was given, or it is not there
	Shown    []byte    // the cast, or lines of JSON, as the segments say
}

// Signed says whether the root is signed for by the key that was given.
func (c Clip) Signed() bool { return c.Manifest.Session != "" }

// clipLines is how many bytes of lines the segments of a clip may hold together.
const clipLines = 128 << 20

// VerifyClip checks a clip with a public key, with the root of the recording as
// the ledger has it, or with both: that its segments are those of the
// recording, that the keys open them, and that what it shows is what they hold.
// It takes every byte: what MakeClip would not have written is an error, a
// *StepError.
func VerifyClip(r io.Reader, v note.Verifier, root string) (Clip, error) {
	b, err := io.ReadAll(io.LimitReader(r, clipMost+64<<10))
	if err != nil {
		return Clip{}, &StepError{"clip", "", err}
	}
	if v == nil && root == "" {
		return Clip{}, &StepError{"clip", "", errors.New("neither a key nor a root to verify with")}
	}
	o := openedClip{v: v, root: root}
	for _, step := range []func() error{
		func() error { return o.read(b) }, o.parse, func() error { return o.whole(b) },
		o.signature, o.checkRoot, o.segments, o.shows,
	} {
		if err := step(); err != nil {
			return Clip{}, err
		}
	}
	return o.clip, nil
}

// An openedClip is a clip while it is verified.
type openedClip struct {
	v       note.Verifier
	root    string
	entries []clipEntry
	file    clipFile
	parts   []clipPart
	clip    Clip
}

// read takes the tar apart.
func (o *openedClip) read(b []byte) error {
	if len(b) > clipMost {
		return &StepError{"clip", "", fmt.Errorf("it has more than %d bytes", clipMost)}
	}
	in := tar.NewReader(bytes.NewReader(b))
	for left := int64(len(b)); ; {
		h, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &StepError{"clip", "", err}
		}
		if left -= h.Size; left < 0 { // holes are filled with zeros
			return &StepError{"clip", h.Name, fmt.Errorf("it has %d bytes, more than the archive", h.Size)}
		}
		data, err := io.ReadAll(in)
		if err != nil || len(o.entries) > 1<<16 {
			return &StepError{"clip", h.Name, fmt.Errorf("too many files, or not whole: %w", err)}
		}
		o.entries = append(o.entries, clipEntry{h.Name, data})
	}
}

// parse reads clip.json, and looks that the files are those it names.
func (o *openedClip) parse() error {
	if len(o.entries) < 3 || o.entries[0].name != clipName {
		return &StepError{"clip", clipName, errors.New("it is not there")}
	}
	b := o.entries[0].data
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(&o.file)
	c := o.file
	switch {
	case err != nil:
	case !bytes.Equal(c.bytes(), b):
		err = errors.New("it is not as it is written")
	case c.Format != clipFormat:
		err = fmt.Errorf("format %q is not known", c.Format)
	case c.From < 0 || c.Until < c.From || c.Until > 1e12 || c.Tree < 1 || len(c.Segments) == 0:
		err = errors.New("a number is out of range")
	default:
		err = errors.Join(checkID(c.Session), checkTrack(c.Track))
	}
	if err != nil {
		return &StepError{"clip", clipName, err}
	}
	want := []string{clipName, manifestName}
	if o.entries[1].name != manifestName { // it may be kept back
		want = want[:1]
	}
	for _, s := range c.Segments {
		want = append(want, segmentName(c.Track, s.Number))
	}
	want = append(want, c.shownName())
	for i, name := range want {
		if i >= len(o.entries) || o.entries[i].name != name {
			return &StepError{"files", name, errors.New("it is not in its place")}
		}
	}
	if len(want) != len(o.entries) {
		return &StepError{"files", o.entries[len(want)].name, errors.New("clip.json does not name it")}
	}
	return nil
}

// whole refuses a tar that is not the one MakeClip writes of these files.
func (o *openedClip) whole(b []byte) error {
	var again bytes.Buffer
	if err := o.file.write(&again, o.entries[1:]); err != nil || !bytes.Equal(again.Bytes(), b) {
		return &StepError{"clip", "", errors.New("the archive is not as it is written")}
	}
	return nil
}

// signature checks the manifest.
func (o *openedClip) signature() error {
	if o.v == nil {
		return nil
	}
	if o.entries[1].name != manifestName {
		return &StepError{"signature", manifestName, errors.New("it is not there")}
	}
	m, err := openManifest(o.entries[1].data, o.v)
	switch {
	case err != nil:
	case m.Session != o.file.Session:
		err = fmt.Errorf("it is of session %s", m.Session)
	case int64(len(m.Segments)) != o.file.Tree || treeRoot(m.leaves()).String() != m.Root:
		err = errors.New("it is not of that recording")
	}
	if err != nil {
		return &StepError{"signature", manifestName, err}
	}
	o.clip.Manifest = m
	return nil
}

// checkRoot compares the clip's root with what is believed.
func (o *openedClip) checkRoot() error {
	for _, want := range []string{o.root, o.clip.Manifest.Root} {
		if want != "" && want != o.file.Root {
			return &StepError{"root", clipName, fmt.Errorf("it is %s, not %s", o.file.Root, want)}
		}
	}
	return nil
}

// segments checks that each segment is in the tree and follows the one before.
func (o *openedClip) segments() error {
	b, err := base64.StdEncoding.DecodeString(o.file.Root)
	if err != nil || len(b) != tlog.HashSize {
		return &StepError{"root", clipName, errors.New("it is not a hash")}
	}
	files := o.entries[len(o.entries)-1-len(o.file.Segments) : len(o.entries)-1]
	lines := 0
	for i, s := range o.file.Segments {
		step, err := o.segment(s, files[i].data, tlog.Hash(b))
		if err != nil {
			return &StepError{step, files[i].name, err}
		}
		if lines += int(o.parts[i].head.size); lines > clipLines {
			return &StepError{"clip", files[i].name, fmt.Errorf("the segments hold more than %d bytes", clipLines)}
		}
	}
	return nil
}

// segment checks one, and gives the step that failed.
func (o *openedClip) segment(s clipSegment, seg []byte, root tlog.Hash) (step string, err error) {
	if len(seg) > segmentMost {
		return "hash", fmt.Errorf("it has more than %d bytes", segmentMost)
	}
	h, err := parseHead(seg)
	if err != nil {
		return "hash", err
	}
	got := segmentOf(h, seg)
	if got.Size != s.Size || hex.EncodeToString(got.Hash[:]) != s.SHA256 {
		return "hash", errors.New("it is not what clip.json says")
	}
	got.Track, got.Number = o.file.Track, s.Number
	if err := tlog.CheckRecord(s.Proof, o.file.Tree, root, s.Index, got.leaf()); err != nil {
		return "proof", err
	}
	prev, number := h.prev, int(h.number)
	if n := len(o.parts); n > 0 {
		last := o.parts[n-1]
		prev, number = o.clip.Segments[n-1].Hash, int(last.head.number)+1
	}
	switch {
	case h.session != o.file.Session || h.track != o.file.Track || int(h.number) != s.Number || int64(h.ordinal) != s.Index:
		return "chain", fmt.Errorf("it is number %d of %s of session %s", h.number, h.track, h.session)
	case h.prev != prev || s.Number != number:
		return "chain", errors.New("it is not the one that follows")
	}
	key, err := hex.DecodeString(s.Key)
	if err != nil || len(key) != len(secret{}) || hex.EncodeToString(key) != s.Key {
		return "key", errors.New("it is not a key")
	}
	o.parts = append(o.parts, clipPart{h, seg, secret(key)})
	o.clip.Segments = append(o.clip.Segments, got)
	return "", nil
}

// shows checks that the keys open the segments, and that what they hold is what is shown.
func (o *openedClip) shows() error {
	shown := o.entries[len(o.entries)-1]
	dec, err := newDecoder()
	if err != nil {
		return &StepError{"key", "", err}
	}
	defer dec.Close()
	c := o.file
	if o.parts[0].head.at > c.From {
		return &StepError{"cast", clipName, errors.New("it begins before its first segment")}
	}
	var again bytes.Buffer
	last, err := c.show(&again, o.parts, dec)
	switch {
	case err != nil:
		return &StepError{"key", c.Track, err}
	case last.Milliseconds() < c.Until:
		return &StepError{"cast", clipName, errors.New("it ends after its last segment")}
	case !bytes.Equal(again.Bytes(), shown.data):
		return &StepError{"cast", shown.name, errors.New("the segments hold something else")}
	}
	o.clip.Session, o.clip.Track, o.clip.Root = c.Session, c.Track, c.Root
	o.clip.From, o.clip.Until = time.Duration(c.From)*time.Millisecond, time.Duration(c.Until)*time.Millisecond
	o.clip.Of, o.clip.Shown = int(c.Tree), shown.data
	return nil
}
