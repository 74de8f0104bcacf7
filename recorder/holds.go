package recorder

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Holds says why a recording under way can no longer be kept where it is: its
// folder is gone, or may not be written, or its disk is read-only. Nil says
// that it can. A quiet session is asked about with it: it writes nothing that
// could fail.
func (s *Shelf) Holds(session string) error {
	folder, err := s.place(session)
	if err != nil {
		return fmt.Errorf("find the recording: %w", err)
	}
	const write, enter = 0x2, 0x1 // access(2)
	for _, p := range []struct {
		path string
		mode uint32
	}{{s.Dir, write | enter}, {folder, write | enter}, {filepath.Join(folder, journalName), write}} {
		if err := syscall.Access(p.path, p.mode); err != nil {
			return fmt.Errorf("write to %s: %w", p.path, err)
		}
	}
	return nil
}

// place is the folder of a session. That of one that is being recorded is known,
// and has to be the very folder that was made for it.
func (s *Shelf) place(session string) (string, error) {
	s.mu.Lock()
	r := s.live[session]
	s.mu.Unlock()
	if r == nil || r.home == nil {
		return Find(s.Dir, session)
	}
	folder := filepath.Join(s.Dir, r.folder)
	fi, err := os.Lstat(folder)
	if err == nil && !os.SameFile(fi, r.home) {
		err = fmt.Errorf("%s is not the folder any more that was made for it", folder)
	}
	return folder, err
}
