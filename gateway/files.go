package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
)

// A File is what became of one file: it was moved, or something else was changed.
type File struct {
	Op      string `json:"op"` // "get", "put"; "rename", "remove", …
	Path    string `json:"path"`
	To      string `json:"to,omitempty"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256,omitempty"`
	Partial bool   `json:"partial,omitempty"`
	Status  string `json:"status"`
	Track   string `json:"track"` // that tells all of it
}

// kind is the event that tells of it.
func (f File) kind() string {
	if f.Op == "get" || f.Op == "put" {
		return "file." + f.Op
	}
	return "file.change"
}

// Bounds of what one session writes into the log and on the receipt about
// files. Its recording has all of it.
const (
	filesMost = 1000
	deedsMost = approvals.DeedsMost / 2
	filesWait = 250 * time.Millisecond // so long they are gathered
)

// A filing is what a visit has still to write into the log about files.
type filing struct {
	queue []File
	all   int
	wake  chan struct{} // holds one; nil before the first file
	more  map[string]int
	sum   hash.Hash // of those that are not told one by one
	deeds int
}

// FileTrack begins a track with the contents of a file. It is told of by
// Filed, not as a channel of its own.
func (v *Visit) FileTrack(h recorder.Header) (*recorder.Track, error) { return v.Recording.Track(h) }

// Filed has the log tell of a file, soon: many are written together. What the
// rule takes out of recordings is taken out of their names. It comes before Leave.
func (v *Visit) Filed(f File, out policy.Redact) {
	f.Path, f.To = redacted(f.Path, out), redacted(f.To, out)
	v.mu.Lock()
	defer v.mu.Unlock()
	l := &v.files
	if l.wake == nil {
		l.wake = make(chan struct{}, 1)
		v.spawn(v.file)
	}
	v.deedOf(f)
	v.count("files", 1)
	if f.Bytes > 0 {
		v.count("file-bytes", f.Bytes)
	}
	if l.all++; l.all > filesMost {
		l.count(f)
		return
	}
	l.queue = append(l.queue, f)
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
}

func redacted(text string, out policy.Redact) string {
	return recorder.Header{Command: text, Redact: out}.Redacted().Command
}

// count takes in a file that is not told of by itself.
func (l *filing) count(f File) {
	if l.more == nil {
		l.more, l.sum = map[string]int{}, sha256.New()
	}
	l.more[f.kind()]++
	line, _ := json.Marshal(f) // strings and numbers
	_, _ = l.sum.Write(append(line, '\n'))
}

// deedOf keeps a file for the receipt. mu is held.
func (v *Visit) deedOf(f File) {
	if v.files.deeds >= deedsMost || len(v.deeds) >= approvals.DeedsMost {
		v.unkept++
		return
	}
	v.files.deeds++
	v.deeds = append(v.deeds, approvals.Deed{
		At: time.Now().UTC(), Kind: f.Op, File: &approvals.DeedFile{Path: f.Path, To: f.To, Bytes: f.Bytes, SHA256: f.SHA256, Partial: f.Partial},
	})
}

// file writes down what is gathered, until the visit ends; the rest close does.
func (v *Visit) file() {
	for {
		select {
		case <-v.ctx.Done():
			return
		case <-v.files.wake:
		}
		late := time.NewTimer(filesWait)
		select {
		case <-v.ctx.Done():
			late.Stop()
			return
		case <-late.C:
		}
		n := 0
		// Not v.ctx: what is not known to be written would be written again at the end.
		err := v.g.Ledger.Update(context.WithoutCancel(v.ctx), func(tx *ledger.Tx) (err error) {
			n, err = v.tellFiles(tx)
			return err
		})
		if err != nil {
			v.g.Report(fmt.Errorf("write down the files of session %s: %w", v.Session.ID, err))
			v.End(&Ending{policy.ByPolicy, "the log cannot be written, so the session ends"})
			return
		}
		v.toldFiles(n)
	}
}

// tellFiles appends an event for each that is gathered.
func (v *Visit) tellFiles(tx *ledger.Tx) (n int, err error) {
	v.mu.Lock()
	all := slices.Clone(v.files.queue)
	v.mu.Unlock()
	for _, f := range all {
		e := v.fileEvent(f.kind(), map[string]string{"op": f.Op, "bytes": strconv.FormatInt(f.Bytes, 10), "status": f.Status, "track": f.Track})
		if f.Partial {
			e.Detail["partial"] = "yes"
		}
		e.Private = map[string]string{"path": f.Path}
		for name, value := range map[string]string{"to": f.To, "sha256": f.SHA256} {
			if value != "" {
				e.Private[name] = value
			}
		}
		if _, err := tx.Append(e); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// toldFiles forgets those that are in the log.
func (v *Visit) toldFiles(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.files.queue = v.files.queue[n:]
}

// lastFiles appends what is left at the end: the transaction is that of the end.
func (v *Visit) lastFiles(tx *ledger.Tx) error {
	if _, err := v.tellFiles(tx); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.files.more == nil {
		return nil
	}
	detail := map[string]string{"digest": fmt.Sprintf("%x", v.files.sum.Sum(nil))}
	for kind, n := range v.files.more {
		detail[kind] = strconv.Itoa(n)
	}
	_, err := tx.Append(v.fileEvent("files.more", detail))
	return err
}

func (v *Visit) fileEvent(kind string, detail map[string]string) ledger.Event {
	s := v.Session
	return ledger.Event{
		Kind: kind, Actor: s.Who.ID, Subjects: slices.Concat([]string{s.ID, s.Request, s.Target}, s.Customers), Customers: s.Customers, Detail: detail,
	}
}
