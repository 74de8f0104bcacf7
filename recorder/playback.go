package recorder

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// A Playback reads a recording, one segment at a time. It authenticates what
// it plays, but only Verify knows whether all of it is there.
type Playback struct {
	Session  Session  // of the first track that can be read; else only what the manifest has
	Manifest Manifest // as found, the signature not checked; zero while there is none
	folder   string
	id       string // of the session
	dec      *zstd.Decoder
	tracks   []*playTrack
}

// A TrackInfo is what a track says of itself.
type TrackInfo struct {
	Name   string
	Header Header
	Began  time.Time
	Err    error // it cannot be played; others may
}

type playTrack struct {
	TrackInfo
	chain    secret     // of the first segment
	segments int        // there must be at least so many
	hashes   [][32]byte // of the segments that the manifest names
	tail     []byte     // lines after them, from a journal
	tailAt   int64      // ms of the event before
}

// Open makes a recording ready to play for who holds an identity that it was
// sealed to. It may still be going on: then it plays up to the last closed segment.
func Open(folder string, ids ...age.Identity) (*Playback, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	defer func() { _ = root.Close() }() // read only
	p, err := open(root, folder, nil, ids)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	return p, nil
}

func open(root *os.Root, folder string, tails []*tape, ids []age.Identity) (*Playback, error) {
	sealed, err := read(root, keyName, keyMost)
	if err != nil {
		return nil, erased(root, err)
	}
	key, err := openKey(sealed, ids)
	if err != nil {
		return nil, err
	}
	dec, err := newDecoder()
	if err != nil {
		return nil, err
	}
	p := &Playback{folder: folder, dec: dec}
	if err := p.readManifest(root); err != nil {
		return nil, err
	}
	p.id = p.Manifest.Session
	if p.id == "" { // it is still where it was begun
		if p.id, err = folderName(folder); err != nil {
			return nil, err
		}
	}
	p.Session = Session{ID: p.id, Request: p.Manifest.Request, Began: p.Manifest.Began}
	if err := p.findTracks(root, key, tails); err != nil {
		return nil, err
	}
	p.Session.Ended, p.Session.Cause = p.Manifest.Ended, p.Manifest.Cause
	p.Session.Root, p.Session.Tracks = p.Manifest.Root, len(p.tracks)
	return p, nil
}

// ErrErased: the recording's key was destroyed. It verifies, and nobody can read it.
var ErrErased = errors.New("the recording was erased")

// ErrChanged: what is in the folder is not what was signed there, or not what the log names.
var ErrChanged = errors.New("it is not what was recorded")

// erased says why there is no key.
func erased(root *os.Root, err error) error {
	if _, stat := root.Lstat(manifestName); errors.Is(err, fs.ErrNotExist) && stat == nil {
		return fmt.Errorf("%w: %w", ErrErased, err)
	}
	return err
}

func openKey(sealed []byte, ids []age.Identity) (secret, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), ids...)
	if err != nil {
		return secret{}, fmt.Errorf("open %s: %w", keyName, err)
	}
	b, err := io.ReadAll(io.LimitReader(r, 33))
	if err != nil || len(b) != 32 {
		return secret{}, fmt.Errorf("open %s: not a key (%d bytes): %w", keyName, len(b), err)
	}
	return secret(b), nil
}

func (p *Playback) readManifest(root *os.Root) error {
	b, err := read(root, manifestName, manifestMost)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is going on, or waits for Recover
	}
	if err != nil {
		return err
	}
	text, _, _ := bytes.Cut(b, []byte("\n\n")) // the signature is Verify's
	p.Manifest, err = parseManifest(string(text) + "\n")
	if err == nil && treeRoot(p.Manifest.leaves()).String() != p.Manifest.Root {
		err = fmt.Errorf("%w: the manifest does not come to its root", ErrChanged)
	}
	return err
}

// findTracks finds the tracks on disk, in the manifest and in the journal.
func (p *Playback) findTracks(root *os.Root, key secret, tails []*tape) error {
	names, err := folders(root, ".", func(name string) bool { return checkTrack(name) == nil })
	if err != nil {
		return err
	}
	names = append(names, p.Manifest.Tracks...)
	for _, t := range tails {
		names = append(names, t.state.Name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(trackOrder(a)-trackOrder(b), strings.Compare(a, b))
	})
	n := 0
	for _, name := range slices.Compact(names) {
		for ; n < trackOrder(name); n++ {
			key = key.derive(labelNextTrack, p.id)
		}
		t := &playTrack{chain: key.derive(labelTrack, p.id+" "+name)}
		t.Name = name
		p.addTrack(root, t, tails)
	}
	return nil
}

// addTrack reads a track's first line.
func (p *Playback) addTrack(root *os.Root, t *playTrack, tails []*tape) {
	for _, s := range p.Manifest.Segments {
		if s.Track == t.Name {
			t.segments++
			t.hashes = append(t.hashes, s.Hash)
		}
	}
	for _, tail := range tails {
		if tail.state.Name == t.Name {
			t.segments, t.tail, t.tailAt = int(tail.state.Number), tail.lines, tail.state.At
		}
	}
	p.tracks = append(p.tracks, t)
	h, err := p.firstLine(root, t)
	if err != nil {
		t.Err = err
		return
	}
	t.Header, t.Began = h.Lockbox.header(), h.Lockbox.Began
	if p.Session.Target == "" && p.Session.Who.ID == "" {
		p.Session = h.Lockbox.Session
	}
}

func (p *Playback) firstLine(root *os.Root, t *playTrack) (h castHeader, err error) {
	err = p.each(root, t, func(_ int64, lines []byte) (bool, error) {
		line, _, _ := bytes.Cut(lines, []byte("\n"))
		return false, json.Unmarshal(line, &h)
	})
	if err == nil && (h.Version != 3 || h.Lockbox == nil || h.Lockbox.Track != t.Name) {
		err = fmt.Errorf("track %s has no header", t.Name)
	}
	return h, err
}
