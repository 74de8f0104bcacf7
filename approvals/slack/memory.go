package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// A memory is a small file of what must outlive a restart, and may be lost: which
// clicks were heard, which notices were sent, and where their messages stand.
type memory struct {
	db  *bbolt.DB
	now func() time.Time
}

// How long things are remembered. Slack signs for 5 minutes to either side.
const (
	seenKept = 20 * time.Minute
	sentKept = 48 * time.Hour // the outbox gives up before
	spotKept = 30 * 24 * time.Hour
)

// Buckets. Values are JSON; a sweep reads the time in each.
func buckets() map[string]time.Duration {
	return map[string]time.Duration{"seen": seenKept, "sent": sentKept, "spot": spotKept}
}

func openMemory(path string, now func() time.Time) (*memory, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("slack: open %s (it may be deleted: then messages are written anew): %w", path, err)
	}
	m := &memory{db, now}
	err = db.Update(func(tx *bbolt.Tx) error {
		for name := range buckets() {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = m.sweep()
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return m, nil
}

func (m *memory) close() error { return m.db.Close() }

// first says whether none of keys was seen before, and remembers them all.
func (m *memory) first(keys ...string) (fresh bool, err error) {
	err = m.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("seen"))
		fresh = true
		for _, key := range keys {
			if b.Get([]byte(key)) != nil {
				fresh = false
			}
		}
		for _, key := range keys {
			if err := put(b, key, spot{At: m.now()}); err != nil {
				return err
			}
		}
		return nil
	})
	return fresh && err == nil, err
}

// sent says whether a notice was taken by Slack.
func (m *memory) sent(id string) (found bool, err error) {
	err = m.db.View(func(tx *bbolt.Tx) error {
		found = tx.Bucket([]byte("sent")).Get([]byte(id)) != nil
		return nil
	})
	return found, err
}

// wrote remembers that a notice was sent, and, of a message that others come
// under, where it stands (zero: nowhere).
func (m *memory) wrote(id, to, about string, at spot) error {
	return m.db.Update(func(tx *bbolt.Tx) error {
		if at != (spot{}) {
			if err := put(tx.Bucket([]byte("spot")), spotKey(to, about), at); err != nil {
				return err
			}
		}
		if id == "" {
			return nil
		}
		return put(tx.Bucket([]byte("sent")), id, spot{At: m.now()})
	})
}

// spot finds the message that tells somebody of something, as the user or channel
// that they are known by now: another one may be somebody else's by now.
func (m *memory) spot(to, about, as string) (at spot, found bool, err error) {
	err = m.db.View(func(tx *bbolt.Tx) error {
		raw := tx.Bucket([]byte("spot")).Get([]byte(spotKey(to, about)))
		if found = raw != nil; !found {
			return nil
		}
		return json.Unmarshal(raw, &at)
	})
	return at, found && at.To == as, err
}

// A place of a message that asks somebody.
type asking struct {
	spot
	to, about string
}

// asking lists the cards that can be decided on.
func (m *memory) asking() (all []asking, err error) {
	err = m.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("spot")).ForEach(func(k, raw []byte) error {
			var at spot
			to, about, _ := strings.Cut(string(k), "\x00")
			if err := json.Unmarshal(raw, &at); err != nil || !at.Asks {
				return err
			}
			all = append(all, asking{at, to, about})
			return nil
		})
	})
	return all, err
}

// closed keeps that a card asks no more, unless another one took its place.
func (m *memory) closed(a asking) error {
	return m.db.Update(func(tx *bbolt.Tx) error {
		b, key := tx.Bucket([]byte("spot")), spotKey(a.to, a.about)
		var now spot
		if raw := b.Get([]byte(key)); raw == nil || json.Unmarshal(raw, &now) != nil || now.TS != a.TS {
			return nil
		}
		now.Asks = false
		return put(b, key, now)
	})
}

// lost forgets a message that is not there any more.
func (m *memory) lost(to, about string) error {
	return m.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("spot")).Delete([]byte(spotKey(to, about))) })
}

func spotKey(to, about string) string { return to + "\x00" + about }

func put(b *bbolt.Bucket, key string, at spot) error {
	raw, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), raw)
}

// sweep forgets what is old.
func (m *memory) sweep() error {
	now := m.now()
	return m.db.Update(func(tx *bbolt.Tx) error {
		for name, kept := range buckets() {
			b := tx.Bucket([]byte(name))
			var old [][]byte
			err := b.ForEach(func(k, raw []byte) error {
				var at spot
				if json.Unmarshal(raw, &at) != nil || now.Sub(at.At) > kept {
					old = append(old, k)
				}
				return nil
			})
			for _, k := range old {
				err = errors.Join(err, b.Delete(k))
			}
			if err != nil {
				return fmt.Errorf("slack: forget what is old: %w", err)
			}
		}
		return nil
	})
}
