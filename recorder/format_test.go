package recorder

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

func FuzzEvent(f *testing.F) {
	f.Add(int64(1234), []byte("a\"\\\x00\x1b\xe2\x82\xac\u2028"))
	f.Add(int64(0), []byte("\xff"))
	f.Fuzz(func(t *testing.T, wait int64, data []byte) {
		wait = max(0, wait%1e9)
		line := appendEvent(nil, wait, CodeOutput, data)
		if !utf8.Valid(line) || !json.Valid(line) || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("not a line of JSON: %q", line)
		}
		ev, err := parseEvent(line)
		if err != nil || ev.Code != CodeOutput || !bytes.Equal(ev.Data, data) || ev.At.Milliseconds() != wait {
			t.Errorf("got %+v, %v, want %d, %q", ev, err, wait, data)
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`[0.1, "o", "x"]`))
	f.Add([]byte(`[0.1, "o64", "eA=="]`))
	f.Fuzz(func(t *testing.T, line []byte) {
		ev, err := parseEvent(line)
		if err != nil || strings.HasSuffix(ev.Code, raw) || strings.ContainsAny(ev.Code, "\"\\") || strings.ContainsFunc(ev.Code, func(r rune) bool { return r < ' ' }) {
			return
		}
		again, err := parseEvent(appendEvent(nil, ev.At.Milliseconds(), ev.Code, ev.Data))
		if err != nil || again.At != ev.At || again.Code != ev.Code || !bytes.Equal(again.Data, ev.Data) {
			t.Errorf("got %+v, %v, want %+v", again, err, ev)
		}
	})
}

func FuzzPieces(f *testing.F) {
	f.Add([]byte(strings.Repeat("text ", 10)+"\xff\xfeab"+strings.Repeat("æ", 40)+"\xe2\x82"), 7)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		step = max(1, step%20)
		var c cut
		var got []byte
		take := func(p []byte) error { got = append(got, p...); return nil }
		for p := data; len(p) > 0; {
			n := min(step, len(p))
			_ = pieces(c.join(p[:n:n]), take)
			p = p[n:]
		}
		if got = append(got, c.b[:c.n]...); !bytes.Equal(got, data) {
			t.Errorf("got %q, want %q", got, data)
		}
		if c.n >= utf8.UTFMax {
			t.Errorf("%d bytes are held back", c.n)
		}
	})
}

func TestACutCharacterStaysWhole(t *testing.T) {
	for in, want := range map[string]int{
		"": 0, "a": 1, "\xe2": 0, "\xe2\x82": 0, "€": 3, "a\xf0\x9f\x98": 1, "\xff": 1, "\x82\x82\x82": 3, "a\xc3": 1, "\xed\xa0": 2,
	} {
		if got := wholeRunes([]byte(in)); got != want {
			t.Errorf("%q: got %d, want %d", in, got, want)
		}
	}
}

func FuzzHead(f *testing.F) {
	h := head{session: NewID(time.Now()), track: "pty0", number: 3, at: 12345, size: 7, flags: rebuilt}
	f.Add(h.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parseHead(b); err == nil && !bytes.Equal(h.bytes(), b[:headSize]) {
			t.Errorf("got %x, want %x", h.bytes(), b[:headSize])
		}
	})
}

func FuzzManifest(f *testing.F) {
	m := Manifest{
		Session: NewID(time.Now()), Request: "7KQM", Began: time.Unix(1e9, 0).UTC(), Ended: time.Unix(1e9, 5e6).UTC(),
		Cause: "æ \"quoted\"\nline", Tracks: []string{"pty0", "exec1"}, Root: "AAAA", Segments: []Segment{{"pty0", 0, 12, [32]byte{1}}},
	}
	if got, err := parseManifest(m.text()); err != nil || got.text() != m.text() || got.Cause != m.Cause {
		f.Errorf("got %+v, %v", got, err)
	}
	f.Add(m.text())
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := parseManifest(s); err == nil && m.text() != s {
			t.Errorf("got %q, want %q", m.text(), s)
		}
	})
}

func FuzzJournal(f *testing.F) {
	const session = "0123456789ABCDEFGHJKMNPQRS"
	key := secret{1}
	b := []byte(journalMagic + session + strings.Repeat("s", 32))
	j := &journal{head: b, box: journalBox(b, key), buf: bytes.Clone(b)}
	j.add(ofState, []byte("one"))
	j.add(0, []byte("two"))
	f.Add(j.buf)
	f.Fuzz(func(t *testing.T, b []byte) {
		rs, left, err := readJournal(b, session, key)
		if err != nil {
			return
		}
		_ = torn(left)
		for i, r := range rs { // only what was sealed comes out
			if want := []string{"one", "two"}; i >= len(want) || string(r.data) != want[i] {
				t.Errorf("record %d: got %q", i, r.data)
			}
		}
	})
}

func TestARecordOfTheJournalStaysInItsPlace(t *testing.T) {
	const session = "0123456789ABCDEFGHJKMNPQRS"
	key := secret{1}
	b := []byte(journalMagic + session + strings.Repeat("s", 32))
	j := &journal{head: b, box: journalBox(b, key), buf: bytes.Clone(b)}
	j.add(ofState, []byte("one"))
	from := len(j.buf)
	j.add(7, []byte("two"))
	first, second := j.buf[journalHead:from], j.buf[from:]
	for name, row := range map[string]struct {
		b    []byte
		want int
	}{
		"as written":      {j.buf, 2},
		"swapped":         {bytes.Join([][]byte{b, second, first}, nil), 0},
		"doubled":         {bytes.Join([][]byte{b, first, first}, nil), 1},
		"dropped":         {bytes.Join([][]byte{b, second}, nil), 0},
		"another track":   {bytes.Join([][]byte{b, first, second[:4], {0, 8}, second[6:]}, nil), 1},
		"another journal": {bytes.Join([][]byte{b[:len(b)-1], {'t'}, first, second}, nil), 0},
	} {
		rs, _, err := readJournal(row.b, session, key)
		if err != nil || len(rs) != row.want {
			t.Errorf("%s: got %d records, %v, want %d", name, len(rs), err, row.want)
		}
	}
	if _, _, err := readJournal(j.buf, "1123456789ABCDEFGHJKMNPQRS", key); err == nil {
		t.Error("another session's journal was read")
	}
	if rs, _, _ := readJournal(j.buf, session, secret{2}); len(rs) != 0 {
		t.Error("another key opened it")
	}
}

func TestTheRootIsThatOfRFC6962(t *testing.T) {
	var stored []tlog.Hash
	var leaves []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) (hs []tlog.Hash, err error) {
		for _, i := range at {
			hs = append(hs, stored[i])
		}
		return hs, nil
	})
	for n := range int64(40) {
		want, err := tlog.TreeHash(n, read)
		must(t, err)
		if got := treeRoot(leaves); got != want {
			t.Errorf("of %d: got %v, want %v", n, got, want)
		}
		s := Segment{Track: "pty0", Number: int(n)}
		hs, err := tlog.StoredHashes(n, []byte(s.line()), read)
		must(t, err)
		stored, leaves = append(stored, hs...), append(leaves, s.leaf())
	}
}
