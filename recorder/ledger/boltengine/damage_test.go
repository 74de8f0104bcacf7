package boltengine

import (
	"bytes"
	"errors"
	"fmt"
	"lockbox/recorder/ledger"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

func TestDamagedFilesAreRefusedAndEndNothing(t *testing.T) {
	e, path := open1(t)
	for i := range 60 {
		put(t, e, fmt.Sprintf("k/%03d", i), strings.Repeat("v", 500))
	}
	want, used := dump(t, e, ""), int64(0)
	if err := e.db.View(func(tx *bbolt.Tx) error { used = tx.Size(); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, used); err != nil { // bbolt takes more room than it uses
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(b []byte) (*Engine, error) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return Open(path)
	}
	refusesCuts(t, try, good, path)
	refused := 0
	for i := 0; i < len(good); i += 241 { // the engine refuses or reads; the ledger above it knows every byte
		b := bytes.Clone(good)
		b[i] ^= 1 << (i % 8)
		e, err := try(b)
		if err != nil {
			refused++
			continue
		}
		dump(t, e, "")
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d of %d edited files were refused by the engine", refused, len(good)/241+1)
	if e, err = try(good); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, e, ""); got != want {
		t.Error("the file as it was: other content")
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// refusesCuts tries the file cut off everywhere, and files of something else.
func refusesCuts(t *testing.T, try func([]byte) (*Engine, error), good []byte, path string) {
	t.Helper()
	for n := 1; n < len(good); n += 1<<10 - 1 {
		if e, err := try(good[:n]); err == nil {
			_ = e.Close()
			t.Errorf("cut to %d of %d: taken", n, len(good))
		} else if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "restore the last good backup") {
			t.Errorf("cut to %d: got %v", n, err)
		}
	}
	for _, b := range [][]byte{[]byte("#!/bin/sh\n"), bytes.Repeat([]byte("SQLite format 3\x00"), 4096)} {
		if _, err := try(b); err == nil || !strings.Contains(err.Error(), "restore the last good backup") {
			t.Errorf("foreign file: got %v", err)
		}
	}
}

func TestAFileCutWhileOpenEndsAViewAndNotTheProcess(t *testing.T) {
	e, path := open1(t)
	for i := range 300 {
		put(t, e, fmt.Sprintf("k/%03d", i), strings.Repeat("v", 500))
	}
	if err := os.Truncate(path, 3*4096); err != nil {
		t.Fatal(err)
	}
	err := e.View(t.Context(), func(r ledger.Reader) error {
		return r.Scan(nil, func(k, v []byte) (bool, error) { _ = string(k) + string(v); return true, nil })
	})
	if err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("View: got %v", err)
	}
	err = e.Update(t.Context(), func(w ledger.Writer) error {
		for i := range 300 {
			if _, err := w.Get(fmt.Appendf(nil, "k/%03d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		t.Error("Update: got no error")
	}
}

func TestOtherFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "it is not a file") {
		t.Errorf("a directory: got %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none", "ledger.db")); err == nil {
		t.Error("no directory: got no error")
	}
	if _, err := Open(filepath.Join(dir, strings.Repeat("x", 300))); err == nil {
		t.Error("long name: got no error")
	}
	path := filepath.Join(dir, "other.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("etcd")); return err })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "a bbolt file of something else") {
		t.Errorf("another's bbolt file: got %v", err)
	}
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Open(empty)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := e.View(t.Context(), nil); err == nil {
		t.Error("View after Close: got no error")
	}
	if err := e.Update(t.Context(), nil); err == nil {
		t.Error("Update after Close: got no error")
	}
}
