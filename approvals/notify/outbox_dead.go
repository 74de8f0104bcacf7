package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

const (
	deadKept = 30 * 24 * time.Hour // a notice that was given up can be tried again for so long …
	mostDead = 10_000              // … while it is among the last of so many; programs ask for events anew
)

// Dead lists the notices that were given up, oldest first.
func (o *Outbox) Dead() (all []Dead, err error) {
	err = o.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(inDead)).ForEach(func(k, v []byte) error {
			var d Dead
			if json.Unmarshal(v, &d) == nil && bytes.Equal(num(d.Num), k) {
				all = append(all, d)
			}
			return nil
		})
	})
	return all, err
}

// told keeps that there was an alarm about these, and forgets those of long ago.
func (o *Outbox) told(all []Dead, now time.Time) error {
	return o.write(o.db.Update, func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(inDead))
		for _, d := range all {
			if b.Get(num(d.Num)) == nil {
				continue // it is tried again
			}
			d.Told = true
			v, err := json.Marshal(d)
			if err != nil {
				return err
			}
			if err := b.Put(num(d.Num), v); err != nil {
				return err
			}
		}
		var old [][]byte
		n := int64(0)
		err := b.ForEach(func(k, v []byte) error {
			var d Dead
			n++
			if json.Unmarshal(v, &d) != nil || now.Sub(d.Gone) > deadKept {
				old = append(old, slices.Clone(k))
			}
			return nil
		})
		for _, k := range old {
			err = errors.Join(err, b.Delete(k))
		}
		o.dead.Store(n - int64(len(old)))
		return err
	})
}

// revive puts dead notices of a channel ("" all) back into the box: those with
// these numbers, or all.
func (o *Outbox) revive(channel string, nums []uint64, now time.Time) (back []*entry, err error) {
	err = o.write(o.db.Update, func(tx *bbolt.Tx) error {
		back = nil
		dead := tx.Bucket([]byte(inDead))
		var gone [][]byte
		err := dead.ForEach(func(k, v []byte) error {
			var d Dead
			if json.Unmarshal(v, &d) != nil || !bytes.Equal(num(d.Num), k) {
				return nil
			}
			if channel != "" && d.Channel != channel || len(nums) > 0 && !slices.Contains(nums, d.Num) {
				return nil
			}
			back, gone = append(back, &entry{Notice: d.Notice, Num: d.Num, Since: now, Again: true, maybe: true}), append(gone, slices.Clone(k))
			return nil
		})
		for i, k := range gone {
			err = errors.Join(err, dead.Delete(k), put(tx, back[i]))
		}
		return err
	})
	return back, err
}

// again puts notices into the box whatever was planned before.
func (o *Outbox) again(notices []Notice, now time.Time) (added []*entry, err error) {
	err = o.write(o.db.Update, func(tx *bbolt.Tx) error {
		added = nil
		for _, n := range notices {
			e := &entry{Notice: n, Since: now, Again: true}
			if err := put(tx, e); err != nil {
				return err
			}
			added = append(added, e)
		}
		return nil
	})
	return added, err
}
