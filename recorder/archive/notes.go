package archive

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// What is remembered of sessions, in one file a month.
const (
	notesDir  = ".archive"
	stored    = "stored"    // the Store has all of it
	destroyed = "destroyed" // nobody is to have its key
)

func noteName(month, kind string) string {
	return path.Join(notesDir, strings.ReplaceAll(month, "/", "-")+"."+kind)
}

// remember notes a session for good.
func remember(root *os.Root, month, kind, session string) error {
	if err := makeFolders(root, notesDir); err != nil {
		return err
	}
	name := noteName(month, kind)
	made := !there(root, name)
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + session + "\n") // what a crash cut off stays a line of its own
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil && made {
		err = syncFolder(root, notesDir)
	}
	return err
}

// noted gives the sessions remembered.
func noted(root *os.Root, month, kind string) (map[string]bool, error) {
	ids := map[string]bool{}
	b, err := read(root, noteName(month, kind), 256<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return ids, nil
	}
	for line := range bytes.Lines(b) {
		if id := strings.TrimSuffix(string(line), "\n"); isID(id) {
			ids[id] = true
		}
	}
	return ids, err
}

// gone says whether a session's key was destroyed, as far as this disk knows.
func gone(root *os.Root, session string) (bool, error) {
	return graves{}.has(root, session)
}

// graveOf is the month under which a destroyed key is remembered: it follows from the id alone.
func graveOf(session string) string { return madeIn(session).Format("2006/01") }
