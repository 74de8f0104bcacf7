package boltengine

import (
	"bytes"
	"errors"
	"fmt"
	"lockbox/recorder/ledger"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
		err := make(chan error)
		go func() { // a fault there is not View's or Update's to catch
			err <- w.Scan([]byte("k/"), func(k, v []byte) (bool, error) { _ = string(k) + string(v); return true, nil })
		}()
		return <-err
	})
	if err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("Update: got %v", err)
	}
}

func TestAFileCutToNothingWhileOpenIsLetGo(t *testing.T) {
	e, path := open1(t)
	put(t, e, "k", "v")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Update(t.Context(), func(w ledger.Writer) error { return w.Put([]byte("k"), nil) }); err == nil {
			t.Error("Update: got no error")
		}
	}
	if err := e.Close(); err != nil { // and bbolt, which panicked under its locks, is not waited for
		t.Error(err)
	}
}

func TestOtherFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	one, err := Open(at("ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	later, err := os.ReadFile(at("ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	later[20], later[4096+20] = 9, 9 // the version in both heads
	db, err := bbolt.Open(at("other"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("etcd")); return err })
	err = errors.Join(err, db.Close(), os.Mkdir(at("dir"), 0o700), syscall.Mkfifo(at("pipe"), 0o600),
		os.WriteFile(at("later"), later, 0o600), os.WriteFile(at("text"), []byte("#!/bin/sh\n"), 0o600),
		os.WriteFile(at("empty"), nil, 0o600), os.WriteFile(at("zeros"), make([]byte, 1<<16), 0o600),
		os.Symlink("loop", at("loop")), os.Symlink("nowhere", at("lost")), os.Symlink("ledger.db", at("link")))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"dir":                    "it is not a file but a directory: give the path of the ledger's file",
		"pipe":                   "it is not a file: give the path",
		"later":                  "a form that this Lockbox does not know: use the Lockbox that wrote it",
		"other":                  "it is a bbolt file of something else: give the path of the ledger's file",
		"text":                   "it is no ledger, or its beginning is lost: give the path of the ledger's file; if this is it, restore the last good backup",
		"zeros":                  "it is no ledger, or its beginning is lost",
		"empty":                  "it is empty, as a ledger never is: restore the last good backup",
		"loop":                   "its links lead in a circle: give the path of the file itself",
		"lost":                   "it leads to nowhere, which is not there: mount the disk",
		"none/ledger.db":         "make its directory first, or mount the disk",
		"text/ledger.db":         "not a directory",
		strings.Repeat("x", 300): "name too long",
		"link":                   "",
		"new":                    "",
	} {
		e, err := Open(at(name))
		if err == nil {
			err = errors.Join(e.Close(), e.Close())
			if err != nil || want != "" {
				t.Errorf("%s: opened, then %v, want %q", name, err, want)
			}
		} else if want == "" || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), at(name)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if left, err := filepath.Glob(at(".lockbox-new-*")); len(left) > 0 || err != nil {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestAClosedEngineRefuses(t *testing.T) {
	e, _ := open1(t)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.View(t.Context(), nil); !errors.Is(err, errClosed) {
		t.Errorf("View: got %v", err)
	}
	if err := e.Update(t.Context(), nil); !errors.Is(err, errClosed) {
		t.Errorf("Update: got %v", err)
	}
	if _, err := e.Copy(t.Context(), nil); !errors.Is(err, errClosed) {
		t.Errorf("Copy: got %v", err)
	}
}
