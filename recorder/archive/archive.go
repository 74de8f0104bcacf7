package archive

import (
	"os"
	"sync"
	"time"

	"filippo.io/age"

	"lockbox/recorder"
)

// A Keeper looks after the recordings of one shelf. It must not be copied.
type Keeper struct {
	Shelf  *recorder.Shelf
	Store  *Store         // nil: recordings are on this disk only
	Vault  []age.Identity // to try whether recordings play; none: they are only verified
	Now    func() time.Time
	Report func(error) // of what goes wrong in Run; nil: nobody is told

	mu     sync.Mutex // guards what follows
	began  time.Time  // of Run
	queue  queue
	held   map[string]*hold     // sessions that something is done to
	recent map[string]time.Time // destroyed in this process, and when
	still  map[string]time.Time // months with nothing to do, and when their folder had changed
}

// A hold is on one session: uploads share it, what moves or destroys has it alone.
type hold struct {
	sync.RWMutex
	users int
}

// hold gives the lock of a session; done is for after it is unlocked.
func (k *Keeper) hold(session string) (h *hold, done func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil {
		k.held = map[string]*hold{}
	}
	h = k.held[session]
	if h == nil {
		h = &hold{}
		k.held[session] = h
	}
	h.users++
	return h, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(k.held, session)
		}
	}
}

// alone waits until nothing else is done to a session.
func (k *Keeper) alone(session string) (done func()) {
	h, leave := k.hold(session)
	h.Lock()
	return func() { h.Unlock(); leave() }
}

// beside lets uploads go on beside each other.
func (k *Keeper) beside(session string) (done func()) {
	h, leave := k.hold(session)
	h.RLock()
	return func() { h.RUnlock(); leave() }
}

func (k *Keeper) now() time.Time {
	if k.Now == nil {
		return time.Now()
	}
	return k.Now()
}

func (k *Keeper) report(err error) {
	if err != nil && k.Report != nil {
		k.Report(err)
	}
}

// root opens the folder of the recordings: no name leads out of it.
func (k *Keeper) root() (*os.Root, error) { return os.OpenRoot(k.Shelf.Dir) }
