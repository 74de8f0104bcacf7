package portal

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/recorder"
)

// A thing is an operation on files, of HTTP or of SQL, or what is known of a
// stream that was not kept whole.
type thing struct {
	At   time.Duration
	Op   string
	What string   // path, address or statement
	Rest []string // "size 12"

	File *fileThing // of a track of files

	Stream string // "in", "out", "err": it says how much that was; "" for an operation
	Bytes  int64  // of Stream; negative: not known yet
	Kept   int64  // of Bytes
}

// Clock is when it was done, as people read it.
func (t thing) Clock() string { return showMoment(t.At) }

const mostThings = 200 // of one page

// thingOf reads an event; false where it is none of these.
func thingOf(ev recorder.Event) (t thing, is bool) {
	switch ev.Code {
	case recorder.CodeObject:
		return operation(ev), true
	case recorder.CodeCut, recorder.CodeStdin:
		return size(ev), true
	}
	return t, false
}

// size reads how much of a stream was kept.
func size(ev recorder.Event) thing {
	var f struct {
		Stream string
		Kept   int64
		Bytes  *int64
		SHA256 string
	}
	t := thing{At: ev.At, Stream: "in", Bytes: -1}
	if json.Unmarshal(ev.Data, &f) != nil {
		return t
	}
	t.Kept = f.Kept
	if f.Bytes != nil {
		t.Bytes = *f.Bytes
	}
	if f.SHA256 != "" {
		t.Rest = []string{"sha256 " + visible(f.SHA256)}
	}
	switch f.Stream {
	case recorder.CodeOutput:
		t.Stream = "out"
	case recorder.CodeStderr:
		t.Stream = "err"
	}
	return t
}

// operation reads a JSON object, whatever is in it.
func operation(ev recorder.Event) (t thing) {
	t.At = ev.At
	var fields map[string]any
	d := json.NewDecoder(strings.NewReader(string(ev.Data)))
	d.UseNumber()
	if d.Decode(&fields) != nil {
		t.What = visible(string(ev.Data))
		return t
	}
	take := func(names ...string) string {
		for _, n := range names {
			if v, ok := fields[n].(string); ok && v != "" {
				delete(fields, n)
				return visible(v)
			}
		}
		return ""
	}
	t.Op = take("op", "method", "verb", "kind")
	t.What = take("path", "url", "sql", "query", "target")
	for _, name := range slices.Sorted(keysOf(fields)) {
		if v := plainValue(fields[name]); v != "" {
			t.Rest = append(t.Rest, visible(name)+" "+v)
		}
	}
	return t
}

func keysOf(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// plainValue writes a value of JSON on a line; "" for what says nothing.
func plainValue(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return visible(v)
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return visible(string(b))
}

// String is the thing on one line.
func (t thing) String() string {
	return strings.Join(slices.DeleteFunc(append([]string{t.Op, t.What}, t.Rest...), func(s string) bool { return s == "" }), " · ")
}

// fillThings lists the operations of a track from the ?n=th on.
func (f *trackFacts) fillThings(x *exchange, play *recorder.Playback) error {
	skip := 0
	if n := x.r.URL.Query().Get("n"); n != "" {
		var err error
		if skip, err = strconv.Atoi(n); err != nil || skip < 0 {
			return errNoPage
		}
	}
	n, open := 0, map[uint64]bool(nil)
	if f.Kind == "sftp" {
		var err error
		if open, err = unanswered(play, f.Name); err != nil {
			return err
		}
	}
	for ev, err := range play.Events(f.Name) {
		if err != nil {
			return fmt.Errorf("read track %s: %w", f.Name, err)
		}
		t, is := thingOf(ev)
		if ev.Code == recorder.CodeExit {
			f.Exit = visible(string(ev.Data))
		}
		if file, ok := fileOf(ev); ok && f.Kind == "sftp" {
			t.File, is = &file, file.Status != "asked" || open[file.N]
		}
		if !is {
			continue
		}
		if n++; n <= skip {
			continue
		}
		if len(f.Things) == mostThings {
			f.More = fmt.Sprintf("%s?track=%s&n=%d", f.Path, f.Name, skip+mostThings)
			return nil
		}
		f.Things = append(f.Things, t)
	}
	return nil
}
