package archive

import (
	"context"
	"errors"
	"time"

	"filippo.io/age"

	"lockbox/recorder"
)

// A Keeper looks after the recordings of one shelf.
type Keeper struct {
	Shelf  *recorder.Shelf
	Store  *Store         // nil: recordings are on this disk only
	Vault  []age.Identity // to try whether recordings play; none: they are only verified
	Now    func() time.Time
	Report func(error)
}

// A Store is one container of objects.
type Store struct{}

// OpenStore opens "s3://bucket?region=…", "azblob://container" or "file:///folder"
// and tries that it can write, read and delete there.
func OpenStore(ctx context.Context, url string) (*Store, error) {
	return nil, errors.New("not built yet")
}

// Close gives back what OpenStore took.
func (s *Store) Close() error { return nil }

// Run takes closed segments to the Store until ctx ends, what a stop left too.
func (k *Keeper) Run(ctx context.Context) error { return nil }

// Wait says what is closed and not in the Store yet.
func (k *Keeper) Wait() recorder.Wait { return recorder.Wait{} }

// Bring makes sure that a recording is on the local disk, if the Store has it.
// The error is fs.ErrNotExist if nobody has it.
func (k *Keeper) Bring(ctx context.Context, session string) error { return nil }

// Destroy destroys the key of a recording in every copy, versions of objects
// too, and looks that it is gone. After an error it is to be asked again.
func (k *Keeper) Destroy(ctx context.Context, session string) (copies []string, err error) {
	return nil, nil
}

// Trim removes local copies, closed before a time, of what the Store was seen to have whole.
func (k *Keeper) Trim(ctx context.Context, before time.Time) error { return nil }

// A Trial is what came of trying one recording.
type Trial struct {
	Session  string // "" where there is none to try
	Root     string
	Verified bool
	Played   bool // by who holds a key
	Erased   bool // its key was destroyed: it verifies, and nobody plays it
	Err      error
}

// Try verifies and plays a closed recording chosen by chance; expect gives the
// root that the log holds of it ("": the log knows none, which is an error).
func (k *Keeper) Try(ctx context.Context, expect func(session string) (root string, err error)) Trial {
	return Trial{}
}
