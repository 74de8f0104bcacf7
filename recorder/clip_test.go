package recorder

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// clipped makes a clip out of the middle of a recording.
func clipped(t testing.TB, r rig) (clip []byte, p *Playback) {
	t.Helper()
	var w Session
	dice := rand.New(rand.NewPCG(3, 3))
	synctest.Test(t.(*testing.T), func(t *testing.T) {
		var rec *Recording
		var tr *Track
		w, rec, tr = r.begin(t, Header{Kind: "pty", Cols: 80, Rows: 24})
		other, err := rec.Track(Header{Kind: "exec", Command: "secret"})
		must(t, err)
		must(t, other.Output([]byte("kept back\n")))
		busy(t, tr, dice, 6*time.Minute)
		closed(t, rec)
	})
	p, err := Open(r.folder(t, w.ID), r.id)
	must(t, err)
	var b bytes.Buffer
	must(t, MakeClip(p, "pty0", 3*time.Minute, 3*time.Minute+10*time.Second, &b))
	return b.Bytes(), p
}

func TestAClipProvesWhatItShows(t *testing.T) {
	r := newRig(t)
	clip, p := clipped(t, r)
	for name, with := range map[string]struct {
		v    note.Verifier
		root string
	}{"the key": {r.Verifier, ""}, "the root": {nil, p.Manifest.Root}, "both": {r.Verifier, p.Manifest.Root}} {
		c, err := VerifyClip(bytes.NewReader(clip), with.v, with.root)
		if err != nil {
			t.Fatalf("with %s: %v", name, err)
		}
		if c.Session != p.id || c.Track != "pty0" || c.From != 3*time.Minute || c.Until > 3*time.Minute+10*time.Second ||
			c.Signed() != (with.v != nil) || c.Of != len(p.Manifest.Segments) || len(c.Segments) >= c.Of/2 {
			t.Errorf("with %s: got %+v", name, c)
		}
		if !bytes.HasPrefix(c.Shown, []byte(`{"version":3,"term":{"cols":`)) || !bytes.Contains(c.Shown, []byte("line ")) {
			t.Errorf("with %s: it shows %q", name, c.Shown[:200])
		}
	}
	if bytes.Contains(clip, []byte("kept back")) || bytes.Contains(clip, []byte("secret")) {
		t.Error("another track is in it")
	}
	stranger := newRig(t)
	for name, with := range map[string]struct {
		v    note.Verifier
		root string
		step string
	}{
		"a stranger's key": {stranger.Verifier, "", "signature"}, "another root": {nil, "AAAA", "root"},
		"nothing": {nil, "", "clip"}, "the key, and another root": {r.Verifier, "AAAA", "root"},
	} {
		var got *StepError
		if _, err := VerifyClip(bytes.NewReader(clip), with.v, with.root); !errors.As(err, &got) || got.Step != with.step {
			t.Errorf("with %s: got %v, want step %s", name, err, with.step)
		}
	}
}

func TestAClipsKeysOpenNothingElse(t *testing.T) {
	r := newRig(t)
	clip, p := clipped(t, r)
	_, c := unpacked(t, clip)
	root := mustRoot(t, p.folder)
	opened := 0
	for _, s := range c.Segments {
		key, err := hex.DecodeString(s.Key)
		must(t, err)
		for _, of := range p.Manifest.Segments {
			seg, err := read(root, of.Name(), segmentMost)
			must(t, err)
			h, err := parseHead(seg)
			must(t, err)
			_, own := h.unseal(secret(key), p.dec, seg)
			_, chain := h.open(secret(key), p.dec, seg) // as if it were what keys come from
			_, next := h.open(secret(key).derive(labelNextSegment, ""), p.dec, seg)
			if own == nil {
				opened++
			}
			if (own == nil) != (of.Track == c.Track && of.Number == s.Number) || chain == nil || next == nil {
				t.Errorf("the key of %d opens %s", s.Number, of.Name())
			}
		}
	}
	if opened != len(c.Segments) {
		t.Errorf("%d segments were opened, want %d", opened, len(c.Segments))
	}
}

func unpacked(t testing.TB, clip []byte) (es []clipEntry, c clipFile) {
	t.Helper()
	in := tar.NewReader(bytes.NewReader(clip))
	for {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		data, err := io.ReadAll(in)
		must(t, err)
		es = append(es, clipEntry{h.Name, data})
	}
	must(t, json.Unmarshal(es[0].data, &c))
	return es, c
}

// packed makes a clip of files, as a forger would.
func packed(t testing.TB, c clipFile, es []clipEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, c.write(&b, es[1:]))
	return b.Bytes()
}

func TestEveryByteOfAClipIsLookedAt(t *testing.T) {
	r := newRig(t)
	clip, _ := clipped(t, r)
	json := bytes.Index(clip, []byte("{\n"))
	end := json + bytes.Index(clip[json:], []byte("\n}\n")) + 3
	at := func(i int) bool { return i < end || i%997 == 0 || i > len(clip)-1500 } // all of clip.json and its proofs
	for i := range clip {
		if !at(i) {
			continue
		}
		clip[i] ^= 1
		var got *StepError
		if _, err := VerifyClip(bytes.NewReader(clip), r.Verifier, ""); !errors.As(err, &got) {
			t.Fatalf("byte %d (%q) changed: got %v", i, clip[max(0, i-20):i+1], err)
		}
		clip[i] ^= 1
	}
	for name, b := range map[string][]byte{"nothing": nil, "half": clip[:len(clip)/2], "more": append(bytes.Clone(clip), 0), "zeros": make([]byte, 2048)} {
		if _, err := VerifyClip(bytes.NewReader(b), r.Verifier, ""); err == nil {
			t.Errorf("%s was believed", name)
		}
	}
}

func TestAForgedClipIsNamed(t *testing.T) {
	r := newRig(t)
	clip, p := clipped(t, r)
	es, c := unpacked(t, clip)
	deep := func() clipFile {
		d := c
		d.Segments = append([]clipSegment(nil), c.Segments...)
		return d
	}
	for _, row := range []struct {
		name   string
		change func(c *clipFile, es []clipEntry) []clipEntry
		step   string
	}{
		{"nothing", func(_ *clipFile, es []clipEntry) []clipEntry { return es }, ""},
		{"the manifest kept back, but a key given", func(_ *clipFile, es []clipEntry) []clipEntry { return append(es[:1:1], es[2:]...) }, "signature"},
		{"another session", func(c *clipFile, es []clipEntry) []clipEntry { c.Session = NewID(time.Now()); return es }, "signature"},
		{"another track", func(c *clipFile, es []clipEntry) []clipEntry { c.Track = "pty1"; return es }, "files"},
		{"an earlier beginning", func(c *clipFile, es []clipEntry) []clipEntry { c.From = 0; return es }, "cast"},
		{"a later beginning", func(c *clipFile, es []clipEntry) []clipEntry { c.From++; return es }, "cast"},
		{"a later end", func(c *clipFile, es []clipEntry) []clipEntry { c.Until += 1e6; return es }, "cast"},
		{"an earlier end", func(c *clipFile, es []clipEntry) []clipEntry { c.Until--; return es }, "cast"},
		{"a larger recording", func(c *clipFile, es []clipEntry) []clipEntry { c.Tree++; return es }, "signature"},
		{"another index", func(c *clipFile, es []clipEntry) []clipEntry { c.Segments[0].Index++; return es }, "proof"},
		{"another key", func(c *clipFile, es []clipEntry) []clipEntry { c.Segments[0].Key = strings.Repeat("00", 32); return es }, "key"},
		{"another hash", func(c *clipFile, es []clipEntry) []clipEntry {
			c.Segments[0].SHA256 = strings.Repeat("00", 32)
			return es
		}, "hash"},
		{"a segment left out", func(c *clipFile, es []clipEntry) []clipEntry {
			c.Segments = append(c.Segments[:1:1], c.Segments[2:]...)
			return append(append([]clipEntry(nil), es[:3]...), es[4:]...)
		}, "chain"},
		{"the first left out", func(c *clipFile, es []clipEntry) []clipEntry {
			c.Segments = c.Segments[1:]
			return append(append([]clipEntry(nil), es[:2]...), es[3:]...)
		}, ""},
		{"the last left out", func(c *clipFile, es []clipEntry) []clipEntry {
			c.Segments = c.Segments[:len(c.Segments)-1]
			return append(append([]clipEntry(nil), es[:len(es)-2]...), es[len(es)-1])
		}, "cast"},
		{"another cast", func(_ *clipFile, es []clipEntry) []clipEntry {
			es = append([]clipEntry(nil), es...)
			last := &es[len(es)-1]
			last.data = bytes.Replace(last.data, []byte("line "), []byte("lime "), 1)
			return es
		}, "cast"},
		{"a proof shortened", func(c *clipFile, es []clipEntry) []clipEntry {
			c.Segments[0].Proof = c.Segments[0].Proof[1:]
			return es
		}, "proof"},
		{"one file more", func(_ *clipFile, es []clipEntry) []clipEntry {
			return append(es[:len(es):len(es)], clipEntry{"x", nil})
		}, "files"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := deep()
			changed := row.change(&d, es)
			b := packed(t, d, changed)
			_, err := VerifyClip(bytes.NewReader(b), r.Verifier, p.Manifest.Root)
			var got *StepError
			switch {
			case row.name == "the first left out":
				if err == nil {
					t.Error("it was believed")
				}
			case row.step == "" && err != nil, row.step != "" && (!errors.As(err, &got) || got.Step != row.step):
				t.Errorf("got %v, want step %q", err, row.step)
			}
		})
	}
}

func TestClipsOfOtherTracksAndTimes(t *testing.T) {
	r := newRig(t)
	p := scene(t, r, Header{Kind: "exec", Command: "ls"})
	for _, row := range []struct {
		from, until time.Duration
		fine        bool
	}{{0, 0, true}, {0, time.Millisecond, true}, {time.Second, time.Hour, true}, {time.Hour, 0, false}, {2, 1, false}, {-1, 0, false}} {
		var b bytes.Buffer
		err := MakeClip(p, "exec0", row.from, row.until, &b)
		if (err == nil) != row.fine {
			t.Errorf("from %v until %v: got %v", row.from, row.until, err)
			continue
		}
		if err == nil {
			_, err = VerifyClip(&b, r.Verifier, "")
		}
		if row.fine && err != nil {
			t.Errorf("from %v until %v: %v", row.from, row.until, err)
		}
	}
	must(t, os.Remove(p.folder+"/"+manifestName))
	going, err := Open(p.folder, r.id)
	must(t, err)
	if err := MakeClip(going, "exec0", 0, 0, io.Discard); err == nil {
		t.Error("a clip was made of what is not finished")
	}
}

func FuzzClip(f *testing.F) {
	_, v := noteKeys(f)
	key, err := note.NewVerifier(v)
	must(f, err)
	var b bytes.Buffer
	c := clipFile{Format: clipFormat, Session: goldenID, Track: "pty0", Tree: 1, Segments: []clipSegment{{}}}
	must(f, c.write(&b, []clipEntry{{manifestName, nil}, {"pty0/000000.seg", make([]byte, 200)}, {"clip.cast", nil}}))
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := VerifyClip(bytes.NewReader(b), key, ""); err == nil {
			t.Error("believed")
		}
		if c, err := VerifyClip(bytes.NewReader(b), nil, "AAAA"); err == nil {
			t.Errorf("believed: %+v", c)
		}
	})
}
