package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// take reads an object's bytes, and no more than it may have.
func take(key string, from io.ReadCloser, most int64) ([]byte, error) {
	defer func() { _ = from.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(from, most+1))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	if int64(len(data)) > most {
		return nil, tooLarge{key, most}
	}
	return data, nil
}

// A listing passes on the names that follow a prefix. A store that has no end
// of them, or begins again, is found out: they come in order.
type listing struct {
	prefix string
	last   string
	pages  int
	found  func(name string) error
}

func (l *listing) page() error {
	if l.pages++; l.pages > 10_000 {
		return fmt.Errorf("list %s: more than %d pages", l.prefix, l.pages-1)
	}
	return nil
}

func (l *listing) next(key *string) error {
	if key == nil {
		return nil
	}
	name, ok := strings.CutPrefix(*key, l.prefix)
	if !ok || name <= l.last {
		return fmt.Errorf("list %s: the names do not come in order", l.prefix)
	}
	l.last = name
	return l.found(strings.TrimSuffix(name, "/"))
}

// A refusal is an answer of a store that is no success, without its words:
// they can hold what was signed.
type refusal struct {
	status int
	code   string
	advice string // what to do; "" where nothing is known
}

func (r *refusal) Error() string {
	s := fmt.Sprintf("it answers %d %s", r.status, r.code)
	if r.advice != "" {
		s += ": " + r.advice
	}
	return s
}

// Is lets a refusal be looked for by what it means.
func (r *refusal) Is(target error) bool {
	switch r.code {
	case "NoSuchKey", "BlobNotFound":
		return target == fs.ErrNotExist
	case "PreconditionFailed", "BlobAlreadyExists":
		return target == errTaken
	}
	return false
}

// guard turns a panic into an error: what a store answers ends no process.
func guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(err, fmt.Errorf("panic: %v", p))
		}
	}()
	return do()
}
