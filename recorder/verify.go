package recorder

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/mod/sumdb/note"
)

// A StepError is where verification stopped.
type StepError struct {
	Step string // "manifest", "signature", "session", "files", "hash", "chain", "root" or "key"
	File string // in the recording's folder; "" when it is not about one
	Err  error
}

func (e *StepError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("verify recording: %s: %v", e.Step, e.Err)
	}
	return fmt.Sprintf("verify recording: %s of %s: %v", e.Step, e.File, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// Verify checks a recording with public keys alone: that the folder holds the
// segments of the session it is named for, all of them in order and no other
// file, as the owner of v signed. That they can be read, it cannot tell. The
// error is a *StepError.
func Verify(folder string, v note.Verifier) (Manifest, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return Manifest{}, &StepError{"manifest", "", err}
	}
	defer func() { _ = root.Close() }() // read only
	signed, err := read(root, manifestName, manifestMost)
	if err != nil {
		return Manifest{}, &StepError{"manifest", manifestName, err}
	}
	m, err := openManifest(signed, v)
	if err != nil {
		return Manifest{}, &StepError{"signature", manifestName, err}
	}
	if err := checkFolder(folder, m.Session); err != nil {
		return Manifest{}, &StepError{"session", manifestName, err}
	}
	for _, step := range []func(*os.Root) error{m.checkFiles, m.checkSegments, m.checkKey} {
		if err := step(root); err != nil {
			return Manifest{}, err
		}
	}
	if got := treeRoot(m.leaves()).String(); got != m.Root {
		return Manifest{}, &StepError{"root", manifestName, fmt.Errorf("it is %s, the manifest says %s", got, m.Root)}
	}
	return m, nil
}

func checkFolder(folder, session string) error {
	name, err := folderName(folder)
	if err != nil {
		return err
	}
	if name != session {
		return fmt.Errorf("the manifest is of session %s, the folder of %s", session, name)
	}
	return nil
}

// checkFiles refuses a file that the manifest does not name.
func (m *Manifest) checkFiles(root *os.Root) error {
	known := map[string]bool{".": true, manifestName: true, keyName: true}
	for _, s := range m.Segments {
		known[s.Track], known[s.Name()] = true, true
	}
	return fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return &StepError{"files", name, err}
		case name == journalName:
			return &StepError{"files", name, errors.New("the recording is not finished")}
		case !known[name]:
			return &StepError{"files", name, errors.New("the manifest does not name it")}
		case !e.IsDir() && !e.Type().IsRegular():
			return &StepError{"files", name, errors.New("it is not a plain file")}
		}
		return nil
	})
}

// checkSegments refuses a segment that is not the one signed for, or not the
// one that follows.
func (m *Manifest) checkSegments(root *os.Root) error {
	last := map[string]*Segment{} // of each track
	for _, t := range m.Tracks {
		last[t] = nil
	}
	for i, s := range m.Segments {
		seg, err := read(root, s.Name(), segmentMost)
		if err != nil {
			return &StepError{"files", s.Name(), err}
		}
		if int64(len(seg)) != s.Size || sha256.Sum256(seg) != s.Hash {
			return &StepError{"hash", s.Name(), errors.New("it is not what was signed")}
		}
		h, err := parseHead(seg)
		if err == nil {
			err = m.follows(h, i, last)
		}
		if err != nil {
			return &StepError{"chain", s.Name(), err}
		}
		last[s.Track] = &m.Segments[i]
	}
	return nil
}

// follows says whether a head is of the manifest's segment i.
func (m *Manifest) follows(h head, i int, last map[string]*Segment) error {
	s := m.Segments[i]
	before, known := last[s.Track]
	number, prev := 0, [32]byte{}
	if before != nil {
		number, prev = before.Number+1, before.Hash
	}
	switch {
	case h.session != m.Session:
		return fmt.Errorf("it is of session %s", h.session)
	case !known:
		return errors.New("its track is not in the manifest")
	case h.track != s.Track || int(h.number) != s.Number || int(h.ordinal) != i:
		return fmt.Errorf("it is number %d of %s, closed as number %d", h.number, h.track, h.ordinal)
	case s.Number != number:
		return fmt.Errorf("number %d should follow", number)
	case h.prev != prev:
		return errors.New("it follows another segment")
	}
	return nil
}

// checkKey refuses a key that is not the one sealed; one that was destroyed is noted.
func (m *Manifest) checkKey(root *os.Root) error {
	key, err := read(root, keyName, keyMost)
	if errors.Is(err, fs.ErrNotExist) {
		m.Erased = true
		return nil
	}
	if err == nil && sha256.Sum256(key) != m.Key {
		err = errors.New("it is not the key that was signed for")
	}
	if err != nil {
		return &StepError{"key", keyName, err}
	}
	return nil
}
