package recorder

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CSV writes the operations of an sftp track, a line each, the first with the
// names of the columns. Of an operation that was asked and answered it is the
// answer; one without an answer comes last, as asked.
func (p *Playback) CSV(w io.Writer, track string, f Form) error {
	t, err := p.track(track)
	if err == nil && t.Header.Kind != "sftp" {
		err = fmt.Errorf("it is no list of files, but %s", t.Header.Kind)
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", track, err)
	}
	l := &fileLister{out: csv.NewWriter(w), asked: map[uint64]fileLine{}}
	if err := p.export(io.Discard, track, f, l); err != nil {
		return err
	}
	for _, n := range slices.Sorted(maps.Keys(l.asked)) {
		l.write(l.asked[n])
	}
	l.out.Flush()
	if err := l.out.Error(); err != nil {
		return fmt.Errorf("export %s: %w", track, err)
	}
	return nil
}

// A fileLister writes operations on files as CSV.
type fileLister struct {
	out   *csv.Writer
	began time.Time
	asked map[uint64]fileLine // not answered yet
}

// A fileLine is an operation as the SSH door records it.
type fileLine struct {
	at      time.Time
	N       uint64 `json:"n"`
	Op      string `json:"op"`
	Path    string `json:"path"`
	To      string `json:"to"`
	Name    string `json:"name"`
	Attrs   string `json:"attrs"`
	Size    *int64 `json:"size"`
	SHA256  string `json:"sha256"`
	Partial bool   `json:"partial"`
	Status  string `json:"status"`
	Why     string `json:"why"`
	Track   string `json:"track"`
}

func (l *fileLister) head(_ *bufio.Writer, _ *Playback, t *playTrack, _ Form) error {
	l.began = t.Began
	return l.out.Write([]string{"time", "operation", "path", "to", "name", "attributes", "bytes", "sha256", "partial", "status", "why", "track"})
}

func (l *fileLister) event(_ *bufio.Writer, ev Event) error {
	f := fileLine{at: l.began.Add(ev.At)}
	if ev.Code != CodeObject || json.Unmarshal(ev.Data, &f) != nil || f.Op == "stderr" {
		return nil
	}
	if f.Status == "asked" {
		l.asked[f.N] = f
		return nil
	}
	delete(l.asked, f.N)
	l.write(f)
	return nil
}

// write writes a line; Flush tells the error.
func (l *fileLister) write(f fileLine) {
	size, partial := "", ""
	if f.Size != nil {
		size = strconv.FormatInt(*f.Size, 10)
	}
	if f.Partial {
		partial = "yes"
	}
	_ = l.out.Write([]string{
		f.at.UTC().Format(time.RFC3339Nano), f.Op, cell(f.Path), cell(f.To), cell(f.Name), f.Attrs, size, f.SHA256, partial, cell(f.Status), cell(f.Why), f.Track,
	})
}

// cell is a text that no spreadsheet takes for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
