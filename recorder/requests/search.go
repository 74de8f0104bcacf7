package requests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A Query says which lines are wanted.
type Query struct {
	Words []string // all of them, see Line.has
	Most  int      // lines; 0: 100
	From  string   // Found.Next of the page before; "": from the newest on
}

// Found are lines, newest first.
type Found struct {
	Lines []Line
	Next  string // where to look further back; "": there is nothing more
	Back  time.Time
}

// searchMost is how many sealed bytes one search reads.
const searchMost = 8 << 20

// Search looks back from the newest line. It reads only so much at a time: with
// few lines and a Next, there may be more.
func (l *Log) Search(ctx context.Context, q Query) (f Found, err error) {
	if l == nil {
		return f, nil
	}
	if q.Most <= 0 {
		q.Most = 100
	}
	at, ok := parsePlace(q.From)
	if !ok {
		return f, ErrPlace
	}
	l.settle(ctx)
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4*boxMost))
	if err != nil {
		return f, fmt.Errorf("search the request log: %w", err)
	}
	defer dec.Close()
	all, err := l.files()
	if err != nil {
		return f, fmt.Errorf("search the request log: %w", err)
	}
	s := search{q: q, at: at, dec: dec, key: l.key, room: searchMost, words: lowered(q.Words)}
	for _, k := range slices.Backward(all) {
		if q.From != "" && k.number > at.file {
			continue
		}
		more, err := s.file(ctx, k)
		if err != nil {
			return f, fmt.Errorf("search the request log: %w", err)
		}
		if !more {
			break
		}
	}
	return s.found, context.Cause(ctx)
}

// ErrPlace: From is no place in a log.
var ErrPlace = errors.New("there is no such place in the request log")

// settle has what was added written, if the log goes on.
func (l *Log) settle(ctx context.Context) {
	done := make(chan struct{})
	select {
	case l.asks <- done:
	case <-l.done:
		return
	case <-ctx.Done():
		return
	}
	<-done
}

// A place is a line in a log.
type place struct{ file, box, line int }

func (p place) String() string { return fmt.Sprintf("%d.%d.%d", p.file, p.box, p.line) }

func parsePlace(s string) (p place, ok bool) {
	if s == "" {
		return p, true
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(s) > 40 {
		return p, false
	}
	for i, to := range []*int{&p.file, &p.box, &p.line} {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 0 {
			return p, false
		}
		*to = n
	}
	return p, true
}

// A search is one under way.
type search struct {
	q     Query
	words []string
	at    place // lines before it
	dec   *zstd.Decoder
	key   [32]byte
	room  int
	found Found
}

// file looks through a file; more is false where the search is over.
func (s *search) file(ctx context.Context, k kept) (more bool, err error) {
	head, all, err := boxes(k.path)
	if err != nil {
		return true, nil // it is not ours, cut off at once, or was too old meanwhile
	}
	aead, err := sealing(s.key, head)
	if err != nil {
		return false, err
	}
	for n, box := range slices.Backward(all) {
		here := s.q.From != "" && k.number == s.at.file
		if here && n > s.at.box {
			continue
		}
		if s.room -= len(box); s.room < 0 || ctx.Err() != nil {
			s.found.Next = place{k.number, n + 1, 0}.String()
			return false, nil
		}
		packed, err := aead.Open(nil, nonce(uint64(n)), box, head)
		if err != nil {
			return true, nil // of another key, or changed
		}
		lines, err := s.dec.DecodeAll(packed, nil)
		if err != nil {
			return true, nil
		}
		last := -1
		if here && n == s.at.box {
			last = s.at.line
		}
		if !s.box(lines, place{k.number, n, last}) {
			return false, nil
		}
	}
	return true, nil
}

// box looks through the lines of a box that stand before at.line; all of them where that is -1.
func (s *search) box(text []byte, at place) (more bool) {
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if at.line < 0 {
		at.line = len(lines)
	}
	for i := min(at.line, len(lines)) - 1; i >= 0; i-- {
		var l Line
		if json.Unmarshal(lines[i], &l) != nil || !l.has(s.words) {
			continue
		}
		if len(s.found.Lines) == s.q.Most {
			s.found.Next = place{at.file, at.box, i + 1}.String()
			return false
		}
		s.found.Lines, s.found.Back = append(s.found.Lines, l), l.At
	}
	return true
}

func lowered(words []string) (all []string) {
	for _, w := range words {
		all = append(all, strings.ToLower(w))
	}
	return all
}

// has says whether a line has all the words: each in one of its fields, or of a
// kind: "5xx" is a status, ">1s" how long it took.
func (l *Line) has(words []string) bool {
	if len(words) == 0 {
		return true
	}
	all := strings.ToLower(strings.Join([]string{
		l.ID, l.Who, l.From, l.Target, l.Session, l.Method, l.Path, strconv.Itoa(l.Status), l.Code, l.Outcome,
	}, "\x00"))
	for _, w := range words {
		if !l.of(w) && !strings.Contains(all, w) {
			return false
		}
	}
	return true
}

// of says whether a line is of a kind.
func (l *Line) of(word string) bool {
	if len(word) == 3 && strings.HasSuffix(word, "xx") {
		return strconv.Itoa(l.Status/100) == word[:1]
	}
	if long, ok := strings.CutPrefix(word, ">"); ok {
		d, err := time.ParseDuration(long)
		return err == nil && l.Milli > float64(d)/float64(time.Millisecond)
	}
	return false
}
