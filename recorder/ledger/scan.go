package ledger

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Scan calls fn for the rows whose key begins with prefix, in the order of
// their bytes, until fn wants no more. It shows the rows as they were when it
// began, whatever fn writes. raw is a copy. Like Get, it believes the store.
func (tx *Tx) Scan(prefix string, fn func(key string, raw json.RawMessage) (more bool, err error)) error {
	if tx.over {
		return errOver
	}
	drafts := maps.Clone(tx.rows)
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(drafts)), func(k string) bool { return !strings.HasPrefix(k, prefix) })
	more := true
	upTo := func(key string, all bool) (err error) { // the drafts before key
		for more && err == nil && len(keys) > 0 && (all || keys[0] < key) {
			k := keys[0]
			keys = keys[1:]
			if d := drafts[k]; !d.gone {
				more, err = fn(k, bytes.Clone(d.value))
			}
		}
		return err
	}
	err := tx.log.Scan(rowAt(prefix), func(k, v []byte) (bool, error) {
		key := string(k[1:])
		if err := upTo(key, false); err != nil || !more {
			return false, err
		}
		if _, ok := drafts[key]; ok {
			return true, nil // it comes with the drafts
		}
		row, err := parseRow(v)
		if err != nil {
			return false, tampered("row %s: %w", key, err)
		}
		more, err = fn(key, bytes.Clone(row.value))
		return more, err
	})
	if err != nil {
		return err
	}
	return upTo("", true)
}
