package portal

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/recorder"
)

// parts plays a track as a script does: part by part from a moment on.
func (v *visitor) parts(path string, from float64) (first key, text string, n int, last reply) {
	v.s.t.Helper()
	var out strings.Builder
	for {
		last = v.get(fmt.Sprintf("%s?from=%.3f", path, from))
		if last.status != http.StatusOK {
			return first, out.String(), n, last
		}
		var p part
		last.into(&p)
		if n++; n == 1 {
			first = *p.Key
		}
		if !p.End && p.Until <= from {
			v.s.t.Fatalf("the part at %g does not go on: until %g", from, p.Until)
		}
		for _, e := range p.Events {
			if e[1] == "o" {
				out.WriteString(e[2].(string))
			}
		}
		if p.End {
			return first, out.String(), n, last
		}
		from = p.Until
	}
}

// far records a session of so many lines of so many words, one each second, and gives what was written.
func (s *stage) far(kind string, lines, wide int) (id, all string) {
	s.t.Helper()
	at, own, began := time.Duration(0), s.World.Shelf, time.Now()
	defer func() { s.World.Shelf = own }()
	s.World.Shelf = &recorder.Shelf{
		Dir: own.Dir, Recipients: own.Recipients, AtRest: own.AtRest, Signer: own.Signer, Verifier: own.Verifier, MinFree: -1, MinFreePercent: -1,
		Now: func() time.Time { return began.Add(at) }, Patience: own.Patience, Reserve: own.Reserve,
	}
	var out strings.Builder
	id = s.recording(s.World.Grant(s.t, s.Eng, time.Hour), "support_nord", []string{"nord"}, func(r *recorder.Recording) {
		tr, err := r.Track(recorder.Header{Kind: kind, Cols: 80, Rows: 24})
		must(s.t, err)
		for i := range lines {
			at += time.Second
			line := fmt.Sprintf("line %d %s\n", i, strings.Repeat("abc ", wide))
			must(s.t, tr.Output([]byte(line)))
			out.WriteString(line)
		}
		must(s.t, tr.Exit(0))
		must(s.t, tr.Close())
	})
	return id, out.String()
}

func TestPartsAreTheWholeAndNothingTwice(t *testing.T) {
	for _, kind := range []string{"pty", "exec"} {
		s := newStage(t)
		id, all := s.far(kind, 600, 12)
		ceo := s.visitor(s.Ceo)
		ceo.looks(id)
		if kind == "exec" { // no terminal was there to add the CR
			all = strings.ReplaceAll(all, "\n", "\r\n")
		}
		_, text, n, _ := ceo.parts("/s/"+id+"/part/"+kind+"0", 0)
		if text != all || n < 5 {
			t.Errorf("%s: %d bytes in %d parts, want %d", kind, len(text), n, len(all))
		}
		first, text, _, _ := ceo.parts("/s/"+id+"/part/"+kind+"0", 400.5)
		if !strings.HasPrefix(text, "line 400 ") || !strings.Contains(first.Screen, "line 399") || strings.Contains(first.Screen, "line 400") {
			t.Errorf("%s: the screen is %q, and then comes %.40q", kind, first.Screen, text)
		}
	}
}

// A segment that is damaged takes what is after it, and not the page.
func TestADamagedTrackPlaysAsFarAsItGoes(t *testing.T) {
	s := newStage(t)
	s.Report = func(error) {} // it is told
	id, all := s.far("pty", 1000, 300)
	folder, err := recorder.Find(s.World.Shelf.Dir, id)
	must(t, err)
	segments, err := filepath.Glob(filepath.Join(folder, "pty0", "*.seg"))
	must(t, err)
	if len(segments) < 4 {
		t.Fatalf("%d segments", len(segments))
	}
	bad := segments[len(segments)/2]
	b, err := os.ReadFile(bad)
	must(t, err)
	b[len(b)-5] ^= 1
	must(t, os.WriteFile(bad, b, 0o600))
	ceo := s.visitor(s.Ceo)
	if page := ceo.looks(id); page.status != http.StatusOK || !strings.Contains(page.body, "/part/pty0") {
		t.Errorf("%d %s", page.status, body(page))
	}
	_, text, n, last := ceo.parts("/s/"+id+"/part/pty0", 0)
	if last.status != http.StatusInternalServerError || n == 0 || text == "" || !strings.HasPrefix(all, text) || len(text) >= len(all) {
		t.Errorf("%d after %d parts with %d of %d bytes", last.status, n, len(text), len(all))
	}
	if bytes.Contains([]byte(last.body), []byte("segment")) {
		t.Errorf("the reader is told of files: %s", body(last))
	}
}
