package notify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// An Outbox keeps, in a small file beside the ledger, how far the log was read
// and which notices were not delivered yet. It holds no texts. What it says is
// durable when a method returns nil.
type Outbox struct {
	db   *bbolt.DB
	step func() error // tests: the process ends here; nil: it does not
	dead atomic.Int64 // about how many were given up
}

// A mark is how far the log was read: the last event, and when it was written, by
// which another log is known.
type mark struct {
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`
}

// An entry is a notice that waits.
type entry struct {
	Notice
	Num   uint64    `json:"num"`             // in the order in which they came
	Since time.Time `json:"since"`           // planned
	Tries int       `json:"tries,omitempty"` // that failed
	Next  time.Time `json:"next,omitzero"`   // not before
	Why   string    `json:"why,omitempty"`   // it failed last
	Again bool      `json:"again,omitempty"` // a person asked for it

	maybe bool // it may have been sent before the process ended
	heard bool // it was
}

// A Dead is a notice that was given up.
type Dead struct {
	Notice
	Num  uint64    `json:"num"`
	Gone time.Time `json:"gone"`
	Why  string    `json:"why"`
	Told bool      `json:"told"` // there was an alarm
}

const (
	inMeta = "meta"
	inWait = "wait" // number → entry
	inTold = "told" // about NUL id → nothing: planned once, until what it is about is over
	inSaid = "said" // about NUL channel NUL to → nothing: they were asked, so that they are told what became of it
	inDead = "dead" // number → Dead
	inDeaf = "deaf" // channel NUL to → hash of the address for which a notice was given up, until one goes through
)

// OpenOutbox opens the file, or makes it.
func OpenOutbox(path string) (*Outbox, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open the outbox %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{inMeta, inWait, inTold, inSaid, inDead, inDeaf} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the outbox %s: %w", path, err), db.Close())
	}
	db.MaxBatchDelay = 2 * time.Millisecond
	return &Outbox{db: db}, nil
}

// OutboxExists says whether there is one already.
func OutboxExists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Close waits for what is being written.
func (o *Outbox) Close() error { return o.db.Close() }

// mark is how far the log was read; false before the first time.
func (o *Outbox) mark() (m mark, ok bool, err error) {
	err = o.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(inMeta)).Get([]byte("mark"))
		if b == nil {
			return nil
		}
		ok = true
		return json.Unmarshal(b, &m)
	})
	return m, ok, err
}

func num(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func under(parts ...string) []byte {
	var b []byte
	for i, s := range parts {
		if i > 0 {
			b = append(b, 0)
		}
		b = append(b, s...)
	}
	return b
}

// advance moves the mark and puts the notices of the events up to there into the
// box, but for those that were planned before. What is over is forgotten.
func (o *Outbox) advance(m mark, notices []Notice, over []string, now time.Time) (added []*entry, err error) {
	err = o.write(o.db.Update, func(tx *bbolt.Tx) error {
		added = nil
		for _, n := range notices {
			told := tx.Bucket([]byte(inTold))
			key := under(n.About, n.ID)
			if n.Topic == Waits || n.Topic == Ending {
				if told.Get(key) != nil {
					continue
				}
				if err := told.Put(key, []byte{1}); err != nil {
					return err
				}
			}
			e := &entry{Notice: n, Since: now}
			if err := put(tx, e); err != nil {
				return err
			}
			added = append(added, e)
		}
		for _, about := range over {
			if err := forget(tx.Bucket([]byte(inTold)), under(about, "")); err != nil {
				return err
			}
		}
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		return tx.Bucket([]byte(inMeta)).Put([]byte("mark"), b)
	})
	if err != nil {
		return nil, fmt.Errorf("write the outbox: %w", err)
	}
	return added, nil
}

func put(tx *bbolt.Tx, e *entry) (err error) {
	wait := tx.Bucket([]byte(inWait))
	if e.Num == 0 {
		if e.Num, err = wait.NextSequence(); err != nil {
			return err
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return wait.Put(num(e.Num), b)
}

// forget deletes all keys that begin with prefix.
func forget(b *bbolt.Bucket, prefix []byte) error {
	c := b.Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Seek(prefix) {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// begin empties the box and sets the mark: for a log that is not the one that was followed.
func (o *Outbox) begin(m mark) (dropped int, err error) {
	err = o.write(o.db.Update, func(tx *bbolt.Tx) error {
		dropped = tx.Bucket([]byte(inWait)).Stats().KeyN
		for _, name := range []string{inWait, inTold, inSaid} {
			if err := forget(tx.Bucket([]byte(name)), nil); err != nil {
				return err
			}
		}
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		return tx.Bucket([]byte(inMeta)).Put([]byte("mark"), b)
	})
	return dropped, err
}

// waiting lists what waits, in the order in which it came. What cannot be read is
// passed over, and stays: it stops nothing.
func (o *Outbox) waiting() (all []*entry, err error) {
	err = o.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(inWait)).ForEach(func(k, v []byte) error {
			e := &entry{maybe: true}
			if json.Unmarshal(v, e) == nil && bytes.Equal(num(e.Num), k) {
				all = append(all, e)
			}
			return nil
		})
	})
	return all, err
}

// done takes a notice out. Said: it was sent, or may have been.
func (o *Outbox) done(e *entry, said bool) error {
	return o.batch(func(tx *bbolt.Tx) error {
		key := under(e.About, e.Channel, e.To)
		b := tx.Bucket([]byte(inSaid))
		var err error
		switch {
		case e.Topic == Waits && said:
			err = b.Put(key, []byte{1})
		case e.closes():
			err = b.Delete(key)
		}
		if e.heard {
			err = errors.Join(err, tx.Bucket([]byte(inDeaf)).Delete(under(e.Channel, e.To)))
		}
		return errors.Join(err, tx.Bucket([]byte(inWait)).Delete(num(e.Num)))
	})
}

// closes says whether nothing comes after the notice of which its reader must have been asked.
func (e *entry) closes() bool {
	return e.Topic == Gone || e.Topic == Decided && !strings.HasPrefix(e.Kind, "vote.")
}

// asked lists who was asked about what, and not told yet that it is over: a Notice
// of each, with its Channel, To and About.
func (o *Outbox) asked() (all []Notice, err error) {
	err = o.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(inSaid)).ForEach(func(k, _ []byte) error {
			part := strings.SplitN(string(k), "\x00", 3)
			if len(part) == 3 {
				all = append(all, Notice{About: part[0], Channel: part[1], To: part[2]})
			}
			return nil
		})
	})
	return all, err
}

// said says whether the reader was asked about what they are now told is over.
func (o *Outbox) said(n Notice) (yes bool, err error) {
	err = o.db.View(func(tx *bbolt.Tx) error {
		yes = tx.Bucket([]byte(inSaid)).Get(under(n.About, n.Channel, n.To)) != nil
		return nil
	})
	return yes, err
}

// later keeps that a try failed.
func (o *Outbox) later(e *entry) error {
	kept := *e
	return o.batch(func(tx *bbolt.Tx) error { return put(tx, &kept) })
}

// give gives a notice up. Address is where it did not reach its reader; "" where that says nothing about them.
func (o *Outbox) give(e *entry, why, address string, told bool, now time.Time) error {
	return o.batch(func(tx *bbolt.Tx) error {
		b, err := json.Marshal(Dead{Notice: e.Notice, Num: e.Num, Gone: now, Why: why, Told: told})
		if err != nil {
			return err
		}
		bucket := tx.Bucket([]byte(inDead))
		if err := bucket.Put(num(e.Num), b); err != nil {
			return err
		}
		if o.dead.Add(1) > mostDead {
			if k, _ := bucket.Cursor().First(); k != nil {
				if err := bucket.Delete(k); err != nil {
					return err
				}
			}
		}
		if address != "" {
			if err := tx.Bucket([]byte(inDeaf)).Put(under(e.Channel, e.To), hashed(address)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(inWait)).Delete(num(e.Num))
	})
}

func (o *Outbox) batch(fn func(*bbolt.Tx) error) error {
	if err := o.write(o.db.Batch, fn); err != nil {
		return fmt.Errorf("write the outbox: %w", err)
	}
	return nil
}

func (o *Outbox) write(how func(func(*bbolt.Tx) error) error, fn func(*bbolt.Tx) error) error {
	if o.step == nil {
		return how(fn)
	}
	if err := o.step(); err != nil {
		return err
	}
	if err := how(fn); err != nil {
		return err
	}
	return o.step()
}
