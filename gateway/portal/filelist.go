package portal

import (
	"encoding/json"
	"fmt"

	"lockbox/recorder"
)

// A fileThing is an operation on files as the SSH door records it.
type fileThing struct {
	N       uint64
	Op      string
	Path    string
	To      string
	Name    string // that was sent; see recorder/FORMAT.md
	Size    *int64
	SHA256  string
	Partial bool
	Status  string
	Why     string
}

// fileOf reads an operation of a track of files; false for any other.
func fileOf(ev recorder.Event) (f fileThing, is bool) {
	if ev.Code != recorder.CodeObject || json.Unmarshal(ev.Data, &f) != nil || f.Op == "" || f.Status == "" {
		return f, false
	}
	f.Op, f.Path, f.To, f.Name = visible(f.Op), visible(f.Path), visible(f.To), visible(f.Name)
	f.SHA256, f.Status, f.Why = visible(f.SHA256), visible(f.Status), visible(f.Why)
	return f, true
}

// Bytes is how many were moved; negative where none can be.
func (f fileThing) Bytes() int64 {
	if f.Size == nil {
		return -1
	}
	return *f.Size
}

// unanswered are the operations of which it is not recorded what they came to.
func unanswered(play *recorder.Playback, track string) (map[uint64]bool, error) {
	open := map[uint64]bool{}
	for ev, err := range play.Events(track) {
		if err != nil {
			return nil, fmt.Errorf("read track %s: %w", track, err)
		}
		switch f, is := fileOf(ev); {
		case !is:
		case f.Status == "asked":
			open[f.N] = true
		default:
			delete(open, f.N)
		}
	}
	return open, nil
}
