package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"
)

// A Store is one container of objects.
type Store struct {
	name   string // what people call it; no secret
	prefix string // of every object; "" or it ends in "/"
	in     objects
	trying sync.Mutex
	tried  bool // guarded by trying: it can do what is needed
}

// objects is what a Store is made of. A key is the whole name of an object.
type objects interface {
	// put makes an object in one step, or finds errTaken: nothing is ever overwritten.
	put(ctx context.Context, key string, data []byte) error
	// get gives an object of at most so many bytes; fs.ErrNotExist if there is none.
	get(ctx context.Context, key string, most int64) ([]byte, error)
	// folders gives the names that follow a prefix, up to the next "/", in order.
	folders(ctx context.Context, prefix string, found func(name string) error) error
	// destroy removes an object in every version, looks that none is left, and
	// says how many there were.
	destroy(ctx context.Context, key string) (int, error)
	close() error
}

var errTaken = errors.New("there is such an object already")

// A ConflictError is an object with other bytes than ours where ours should
// be. It is never overwritten: a person has to look.
type ConflictError struct {
	Key   string
	Store string
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s in %s has other bytes than the recording here: nothing was overwritten, the copy here stays; "+
		"find out who wrote it, and move it away", e.Key, e.Store)
}

// OpenStore opens "s3://bucket/prefix?region=…", "azblob://container/prefix?account=…"
// or "file:///folder" and tries that it can write, read and delete there.
// Parameters: region (s3), account (azblob), endpoint (of another provider or
// an emulator; https, or http to this machine), path_style (s3) and
// credentials, "file:PATH" or "env:NAME": for s3 an access key's id, its secret
// and perhaps a token with blanks between, for azblob the account's key or a
// SAS token. Without them it is what the provider's own tools would use.
//
// With an error that is ErrUnreachable it gives the Store all the same: who
// started in an outage can go on, and the Store is tried before the first use.
func OpenStore(ctx context.Context, url string) (*Store, error) {
	w, err := parseWhere(url)
	if err != nil {
		return nil, fmt.Errorf("object storage: %w", err)
	}
	s := &Store{name: w.String(), prefix: w.prefix}
	switch w.scheme {
	case "s3":
		s.in, err = openS3(ctx, w)
	case "azblob":
		s.in, err = openAzure(w)
	default:
		s.in, err = openFiles(w.container)
	}
	if err != nil {
		return nil, fmt.Errorf("object storage %s: %w", s.name, err)
	}
	if err = s.ready(ctx); err == nil {
		return s, nil
	}
	err = fmt.Errorf("object storage %s: %w", s.name, err)
	if errors.Is(err, ErrUnreachable) {
		return s, err
	}
	return nil, errors.Join(err, s.Close())
}

// ErrUnreachable says that a store has not answered, or that something is
// wrong on its side: it may be well later.
var ErrUnreachable = errors.New("it does not answer as it should now")

// ready tries a Store until it has done well once.
func (s *Store) ready(ctx context.Context) error {
	s.trying.Lock()
	defer s.trying.Unlock()
	if s.tried {
		return nil
	}
	err := s.try(ctx)
	s.tried = err == nil
	return err
}

// String is the store's name.
func (s *Store) String() string { return s.name }

// Close gives back what OpenStore took.
func (s *Store) Close() error { return s.in.close() }

// try does everything once that will be needed.
func (s *Store) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	key, text := s.prefix+"probe/"+rand.Text(), []byte("lockbox tries whether it can write here\n")
	if err := s.in.put(ctx, key, text); err != nil {
		return fmt.Errorf("writing an object: %w", outside(err))
	}
	err := s.tryRest(ctx, key, text)
	if n, e := s.in.destroy(ctx, key); e != nil {
		err = errors.Join(err, fmt.Errorf("destroying an object, as keys of recordings must be: %w", e))
	} else if n == 0 {
		err = errors.Join(err, errors.New("the object that was written is not listed, so keys could not be destroyed in every version"))
	}
	return err
}

// outside marks an error as ErrUnreachable unless the store has clearly refused.
func outside(err error) error {
	var r *refusal
	if errors.As(err, &r) && r.status < 500 || errors.As(err, new(*fs.PathError)) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func (s *Store) tryRest(ctx context.Context, key string, text []byte) error {
	got, err := s.in.get(ctx, key, 1<<10)
	if err != nil {
		return fmt.Errorf("reading an object: %w", err)
	}
	if !bytes.Equal(got, text) {
		return errors.New("reading an object: other bytes come back than were written")
	}
	if err := s.in.put(ctx, key, []byte("other")); !errors.Is(err, errTaken) {
		return fmt.Errorf("it overwrites objects: it must keep to If-None-Match (answer to the second write: %v)", err)
	}
	if err := s.in.folders(ctx, s.prefix, func(string) error { return errEnough }); err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("listing objects: %w", err)
	}
	return nil
}

var errEnough = errors.New("enough")

// put makes sure that the Store has an object. The error is a *ConflictError if it has another.
func (s *Store) put(ctx context.Context, name string, data []byte) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	key := s.prefix + name
	err := s.in.put(ctx, key, data)
	if !errors.Is(err, errTaken) {
		return err
	}
	same, err := s.has(ctx, name, data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s was there and is gone: %w", name, err)
	case err != nil && !errors.As(err, new(tooLarge)):
		return err
	case !same:
		return &ConflictError{Key: key, Store: s.name}
	}
	return nil
}

// has says whether the Store gives exactly these bytes back.
func (s *Store) has(ctx context.Context, name string, data []byte) (bool, error) {
	got, err := s.in.get(ctx, s.prefix+name, int64(len(data)))
	return err == nil && bytes.Equal(got, data), err
}

func (s *Store) get(ctx context.Context, name string, most int64) ([]byte, error) {
	return s.in.get(ctx, s.prefix+name, most)
}

// tooLarge says that an object has more bytes than it may.
type tooLarge struct {
	key  string
	most int64
}

func (e tooLarge) Error() string { return fmt.Sprintf("%s has more than %d bytes", e.key, e.most) }

// months gives the months of which there is something.
func (s *Store) months(ctx context.Context) (ms []string, err error) {
	err = s.in.folders(ctx, s.prefix, func(year string) error {
		if len(year) != 4 || strings.Trim(year, digits) != "" {
			return nil
		}
		return s.in.folders(ctx, s.prefix+year+"/", func(month string) error {
			if m := year + "/" + month; matches(monthForm, m) {
				ms = append(ms, m)
			}
			return nil
		})
	})
	return ms, err
}

// sessions gives the recordings of a month of which there is something.
func (s *Store) sessions(ctx context.Context, month string, found func(id string) error) error {
	return s.in.folders(ctx, s.prefix+month+"/", func(name string) error {
		if !isID(name) {
			return nil
		}
		return found(name)
	})
}
