package recorder

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/tlog"
)

// A clip is a piece of a recording that is shown with proof, while the rest is
// kept back. It is a tar of
//
//	clip.json        what it is a piece of; of each segment the key and the proof
//	manifest         as it was signed; it holds sizes and hashes of the others, no more
//	pty0/000007.seg  the segments, as they are
//	clip.cast        what they show; clip.jsonl of a track of operations
//
// The key opens that segment alone: it is derived from what opens the next ones
// too, and that stays back. A clip shows whole segments, from one that begins
// with what stood on the screen.
const (
	clipName   = "clip.json"
	clipFormat = "lockbox clip v1"
	clipMost   = 64 << 20 // bytes of the file
)

// A clipFile is clip.json.
type clipFile struct {
	Format   string        `json:"format"`
	Session  string        `json:"session"`
	Track    string        `json:"track"`
	From     int64         `json:"from"`  // ms since the track began
	Until    int64         `json:"until"` // likewise; something happened then or later
	Tree     int64         `json:"tree"`  // segments of the whole recording
	Root     string        `json:"root"`
	Segments []clipSegment `json:"segments"`
}

type clipSegment struct {
	Index  int64       `json:"index"` // in the manifest, from 0
	Number int         `json:"number"`
	Size   int64       `json:"size"`
	SHA256 string      `json:"sha256"`
	Key    string      `json:"key"` // in hexadecimal, of this segment alone
	Proof  []tlog.Hash `json:"proof"`
}

func (c clipFile) bytes() []byte {
	b, err := json.MarshalIndent(c, "", "\t")
	if err != nil { // texts and numbers
		panic(err)
	}
	return append(b, '\n')
}

// shownName is the name of the file that shows what the segments hold.
func (c clipFile) shownName() string {
	if castable(c.Track) {
		return "clip.cast"
	}
	return "clip.jsonl"
}

// castable says whether a track is of a terminal or a command.
func castable(track string) bool {
	return strings.HasPrefix(track, "pty") || strings.HasPrefix(track, "exec")
}

// MakeClip writes the piece of a track between two moments; until 0 is the end.
// The recording must be finished: only then a root is signed.
func MakeClip(p *Playback, track string, from, until time.Duration, w io.Writer) error {
	if err := p.clip(track, from, until, w); err != nil {
		return fmt.Errorf("make clip of %s: %w", track, err)
	}
	return nil
}

func (p *Playback) clip(track string, from, until time.Duration, w io.Writer) error {
	t, root, err := p.reading(track)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // read only
	if until == 0 {
		until = 1<<63 - 1
	}
	switch {
	case p.Manifest.Root == "":
		return errors.New("the recording is not finished")
	case from < 0 || until < from:
		return fmt.Errorf("there is nothing from %v until %v", from, until)
	}
	c := clipFile{
		Format: clipFormat, Session: p.id, Track: track, From: from.Milliseconds(),
		Tree: int64(len(p.Manifest.Segments)), Root: p.Manifest.Root,
	}
	parts, err := p.clipParts(root, t, &c, until)
	if err != nil {
		return err
	}
	manifest, err := read(root, manifestName, manifestMost)
	if err != nil {
		return err
	}
	var shown bytes.Buffer
	if _, err := c.show(&shown, parts, p.dec); err != nil {
		return err
	}
	return c.write(w, append([]clipEntry{{manifestName, manifest}}, entriesOf(parts, c.shownName(), shown.Bytes())...))
}

// A clipPart is a segment of a clip.
type clipPart struct {
	head head
	seg  []byte
	key  secret
}

// clipParts reads the segments of a clip, and sets what clip.json says of them.
func (p *Playback) clipParts(root *os.Root, t *playTrack, c *clipFile, until time.Duration) (parts []clipPart, err error) {
	n, err := p.keyedAt(root, t, time.Duration(c.From)*time.Millisecond)
	if err != nil {
		return nil, err
	}
	leaves, chain, last := p.Manifest.leaves(), t.chain.forward(n), int64(0)
	err = p.eachFrom(root, t, n, func(at int64, lines []byte) (bool, error) {
		if len(parts) > 0 && time.Duration(at)*time.Millisecond >= until {
			return false, nil
		}
		part, err := p.clipPart(root, c, n, chain, leaves)
		if err == nil {
			last, err = lastOf(lines, at)
		}
		parts = append(parts, part)
		n, chain = n+1, chain.derive(labelNextSegment, "")
		return true, err
	})
	c.Until = min(last, until.Milliseconds())
	if err == nil && (len(parts) == 0 || c.Until < c.From) {
		err = errors.New("the track was over before")
	}
	return parts, err
}

// clipPart adds segment n of the track to clip.json.
func (p *Playback) clipPart(root *os.Root, c *clipFile, n int, chain secret, leaves []tlog.Hash) (clipPart, error) {
	seg, err := read(root, segmentName(c.Track, n), segmentMost)
	if err != nil {
		return clipPart{}, err
	}
	h, err := parseHead(seg)
	if err == nil && int(h.ordinal) >= len(leaves) {
		err = errors.New("the manifest does not name it")
	}
	if err != nil {
		return clipPart{}, fmt.Errorf("segment %s: %w", segmentName(c.Track, n), err)
	}
	s, key := segmentOf(h, seg), h.key(chain)
	c.Segments = append(c.Segments, clipSegment{
		Index: int64(h.ordinal), Number: n, Size: s.Size, SHA256: hex.EncodeToString(s.Hash[:]),
		Key: hex.EncodeToString(key[:]), Proof: append([]tlog.Hash{}, inclusion(leaves, int(h.ordinal))...),
	})
	return clipPart{head: h, seg: seg, key: key}, nil
}

// show writes what the segments hold, as a cast or as lines of JSON, and gives
// when the last event in them came.
func (c clipFile) show(w io.Writer, parts []clipPart, dec *zstd.Decoder) (last time.Duration, err error) {
	out := bufio.NewWriter(w)
	s := clipShow{c: c, out: out, to: newJSONWriter()}
	if castable(c.Track) {
		from := time.Duration(c.From) * time.Millisecond
		s.to = &caster{form: Form{From: from}, lf: !strings.HasPrefix(c.Track, "pty"), last: from}
	}
	for _, part := range parts {
		lines, err := part.head.unseal(part.key, dec, part.seg)
		if err == nil {
			err = s.part(part.head.at, lines)
		}
		if err != nil {
			return 0, fmt.Errorf("segment %s: %w", segmentName(c.Track, int(part.head.number)), err)
		}
	}
	s.viewer.reach()
	return s.last, errors.Join(s.heading(), s.err, out.Flush())
}

// A clipShow writes what a clip shows.
type clipShow struct {
	c      clipFile
	out    *bufio.Writer
	to     exporter
	viewer *viewer
	headed bool
	err    error
	last   time.Duration // of the newest event, shown or not
}

func (s *clipShow) part(at int64, lines []byte) error {
	if s.viewer == nil {
		h, err := clipHeader(s.c.Track, lines)
		if err != nil {
			return err
		}
		stood, err := begun(h, lines)
		if err != nil {
			return err
		}
		s.viewer = &viewer{at: time.Duration(s.c.From) * time.Millisecond, pty: h.Kind == "pty", screen: stood, more: s.event}
	}
	_, err := eventsIn(lines, time.Duration(at)*time.Millisecond, func(ev Event) bool {
		s.last = ev.At
		if !s.viewer.over {
			s.viewer.event(ev)
		}
		return s.err == nil
	})
	return errors.Join(err, s.err)
}

// clipHeader is what is known of a track from the segment that a clip begins with.
func clipHeader(track string, lines []byte) (Header, error) {
	h := Header{Kind: strings.TrimRight(track, "0123456789")}
	line, _, _ := bytes.Cut(lines, []byte("\n"))
	if len(line) > 0 && line[0] == '{' {
		var first castHeader
		err := json.Unmarshal(line, &first)
		h.Cols, h.Rows = first.Term.Cols, first.Term.Rows
		return h, err
	}
	if ev, err := parseEvent(line); h.Kind == "pty" && (err != nil || ev.Code != CodeKey) {
		return h, errors.New("it does not begin with what stood on the screen")
	}
	return h, nil
}

func (s *clipShow) event(ev Event) bool {
	if ev.At > time.Duration(s.c.Until)*time.Millisecond {
		return false
	}
	if s.err = s.heading(); s.err == nil {
		s.err = s.to.event(s.out, ev)
	}
	return s.err == nil
}

// heading writes the first line, once it is known how large the screen was.
func (s *clipShow) heading() error {
	if s.headed {
		return nil
	}
	s.headed = true
	var term castTerm
	term.Cols, term.Rows = s.viewer.screen.Size()
	of := fmt.Sprintf("session %s, %s, %s–%s", s.c.Session, s.c.Track,
		clock(time.Duration(s.c.From)*time.Millisecond), clock(time.Duration(s.c.Until)*time.Millisecond))
	return json.NewEncoder(s.out).Encode(struct {
		Version int      `json:"version"`
		Term    castTerm `json:"term"`
		Title   string   `json:"title"`
	}{3, term, of})
}

// A clipEntry is a file in a clip.
type clipEntry struct {
	name string
	data []byte
}

func entriesOf(parts []clipPart, shown string, data []byte) (es []clipEntry) {
	for _, part := range parts {
		es = append(es, clipEntry{segmentName(part.head.track, int(part.head.number)), part.seg})
	}
	return append(es, clipEntry{shown, data})
}

// write writes the tar: the same bytes for the same clip.
func (c clipFile) write(w io.Writer, es []clipEntry) error {
	es = append([]clipEntry{{clipName, c.bytes()}}, es...)
	size := 0
	for _, e := range es {
		size += len(e.data) + 1024
	}
	if size > clipMost {
		return fmt.Errorf("it has %d bytes, more than %d: choose a shorter piece", size, clipMost)
	}
	out := tar.NewWriter(w)
	for _, e := range es {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.data)), Mode: 0o600, Format: tar.FormatUSTAR}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := out.Write(e.data); err != nil {
			return err
		}
	}
	return out.Close()
}
