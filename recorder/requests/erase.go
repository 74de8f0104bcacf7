package requests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Erase takes lines out of the log, for good: files that hold some are written
// anew without them. None is older than from, or newer than until. Requests that
// come meanwhile are kept.
func (l *Log) Erase(ctx context.Context, from, until time.Time, which func(Line) bool) error {
	if l == nil {
		return nil
	}
	if !l.turn(ctx) {
		return errors.Join(context.Cause(ctx), errors.New("erase lines of the request log: it is closed"))
	}
	all, err := l.files()
	if err != nil {
		return fmt.Errorf("erase lines of the request log: %w", err)
	}
	before := time.Time{} // when the file before was written last
	for _, k := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !k.changed.Before(from) && !before.After(until) {
			if err := l.without(k, which); err != nil {
				return fmt.Errorf("erase lines of the request log: %s: %w", filepath.Base(k.path), err)
			}
		}
		before = k.changed
	}
	return nil
}

// turn has all that was added written, and the next line go to a new file.
func (l *Log) turn(ctx context.Context) bool {
	done := make(chan struct{})
	select {
	case l.turns <- done:
		<-done
		return true
	case <-l.done:
	case <-ctx.Done():
	}
	return false
}

// without writes a file anew without such lines, if it has some.
func (l *Log) without(k kept, which func(Line) bool) error {
	head, sealed, err := boxes(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its time was up
	}
	if err != nil {
		return err
	}
	aead, err := sealing(l.key, head)
	if err != nil {
		return err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4*boxMost))
	if err != nil {
		return err
	}
	defer dec.Close()
	var left [][]byte
	found := false
	for n, box := range sealed {
		packed, err := aead.Open(nil, nonce(uint64(n)), box, head)
		if err != nil {
			break // of another key: nobody here reads what follows
		}
		lines, err := dec.DecodeAll(packed, nil)
		if err != nil {
			break
		}
		rest := filter(lines, which)
		found = found || len(rest) < len(lines)
		left = append(left, rest)
	}
	if !found {
		return nil
	}
	return l.replace(k, left)
}

// filter is the lines that stay.
func filter(lines []byte, which func(Line) bool) []byte {
	out := make([]byte, 0, len(lines))
	for line := range bytes.Lines(lines) {
		var l Line
		if json.Unmarshal(line, &l) == nil && which(l) {
			continue
		}
		out = append(out, line...)
	}
	return out
}

// replace puts a file of these boxes in the place of another, as old as that.
func (l *Log) replace(k kept, boxes [][]byte) error {
	path := strings.TrimSuffix(k.path, ".log") + ".new"
	f, err := createFile(path, l.key)
	if err != nil {
		return err
	}
	for _, box := range boxes {
		if err == nil && len(box) > 0 {
			err = f.append(box)
		}
	}
	err = errors.Join(err, f.out.Sync(), f.close())
	if err == nil {
		err = os.Chtimes(path, k.changed, k.changed)
	}
	if err == nil {
		err = l.swap(path, k.path)
	}
	if err != nil {
		_ = os.Remove(path) // it has a name that no reader looks at
		return err
	}
	return settled(filepath.Dir(k.path))
}

// swap puts one file in the place of another, unless that has gone meanwhile.
func (l *Log) swap(path, to string) error {
	l.disk.Lock()
	defer l.disk.Unlock()
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		return os.Remove(path)
	}
	return os.Rename(path, to)
}

func settled(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
