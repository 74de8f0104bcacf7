package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/recorder/proof"
)

// A kind of thing that can be verified.
type kind string

const (
	aReceipt    kind = "receipt"
	aStatement  kind = "monthly statement"
	aRecording  kind = "recording"
	aClip       kind = "clip"
	aLog        kind = "log"
	aCheckpoint kind = "checkpoint"
	aGrown      kind = "proof of growth"
)

// An object is what was recognised, and not believed.
type object struct {
	kind  kind
	path  string
	data  []byte // of a file
	files fs.FS  // of a whole log, or of a tar
	shut  []func() error

	session string // of a recording in a tar
}

func (o *object) is(kinds ...kind) bool { return slices.Contains(kinds, o.kind) }

func (o *object) close() {
	for _, f := range o.shut {
		_ = f() // read only
	}
}

// open recognises a file or folder by what is in it.
func open(path string) (*object, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return openFolder(path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is neither a plain file nor a folder; %s", path, verifiable)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if isTar(f) {
		o, err := openTar(f, info.Size())
		if err != nil {
			_ = f.Close() // read only
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		o.path, o.shut = path, []func() error{f.Close}
		return o, nil
	}
	_ = f.Close() // read only
	data, err := readFile(path, maxReceipt)
	if err != nil {
		return nil, err
	}
	return openData(path, data)
}

// isTar looks for the magic of POSIX 1003.1 and of GNU.
func isTar(f *os.File) bool {
	b := make([]byte, 5)
	n, _ := f.ReadAt(b, 257)
	return string(b[:n]) == "ustar"
}

// openTar tells a log, a recording and a clip apart by the names in them.
func openTar(f *os.File, size int64) (*object, error) {
	files, err := proof.Tar(f, size)
	if err != nil {
		return nil, err
	}
	top, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	o := &object{kind: aLog, files: files}
	has := func(name string) bool { _, err := fs.Stat(files, name); return err == nil }
	switch {
	case has("clip.json"), has("clip.cast"), has("clip.jsonl"):
		o.kind = aClip
	case len(top) == 1 && top[0].IsDir() && gateway.ValidSession(top[0].Name()):
		o.kind, o.session = aRecording, top[0].Name()
	}
	return o, nil
}

func openFolder(path string) (*object, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	o := &object{path: path, files: root.FS(), shut: []func() error{root.Close}}
	has := func(name string) bool { _, err := root.Lstat(name); return err == nil }
	switch {
	case has("checkpoint"), has("tile"):
		o.kind = aLog
	case has("manifest"), has("journal"), has("key.age"):
		o.kind = aRecording
	default:
		o.close()
		return nil, fmt.Errorf("%s holds neither a recording nor a log; %s", path, verifiable)
	}
	return o, nil
}

func openData(path string, data []byte) (*object, error) {
	o := &object{path: path, data: data}
	var form struct {
		Format string `json:"format"`
	}
	err := json.Unmarshal(data, &form)
	name, _, _ := strings.Cut(form.Format, "/")
	switch {
	case err == nil && name == "lockbox-receipt":
		o.kind = aReceipt
	case err == nil && name == "lockbox-month":
		o.kind = aStatement
	case err == nil && name == "lockbox-growth":
		o.kind = aGrown
	case bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && err != nil:
		return nil, fmt.Errorf("%s is damaged: %w; %s", path, err, verifiable)
	case err == nil:
		return nil, fmt.Errorf("%s is JSON of the form %.40q; %s", path, form.Format, verifiable)
	default:
		o.kind, o.data = aCheckpoint, unmailed(data)
		if _, err := proof.Peek(o.data); err != nil {
			if found, merr := mailed(data); merr == nil && !bytes.Equal(printed(found), printed(data)) {
				o.data = found
				return o, nil
			}
			return nil, fmt.Errorf("%s is no checkpoint either: %w; %s", path, err, verifiable)
		}
	}
	return o, nil
}

// printed is what one sees of a text. A file that holds a checkpoint and nothing else is one, to the byte; only what holds
// more is a mail.
func printed(b []byte) []byte { return bytes.Join(bytes.Fields(b), nil) }

// unmailed undoes what mail does to a text: line ends and blank lines around it are not signed.
func unmailed(b []byte) []byte {
	return append(bytes.TrimSpace(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))), '\n')
}

// notes are the checkpoints in an object, not believed.
func (o *object) notes() ([][]byte, error) {
	switch o.kind {
	case aCheckpoint:
		return [][]byte{o.data}, nil
	case aLog:
		n, err := proof.Whole{Files: o.files}.Checkpoint()
		return [][]byte{n}, err
	case aGrown:
		g, err := proof.ParseGrown(o.data)
		return [][]byte{[]byte(g.Old), []byte(g.New)}, err
	case aReceipt:
		r, err := approvals.ParseReceipt(o.data)
		if err != nil {
			return nil, err
		}
		return receiptNotes(r), nil
	}
	return nil, errors.New("there is no checkpoint in a " + string(o.kind))
}

func receiptNotes(r approvals.Receipt) (out [][]byte) {
	all := slices.Concat(r.Votes, r.Trail, r.Motions, r.Erasing)
	if r.Head != nil {
		all = append(all, *r.Head)
	}
	for _, s := range r.Stays {
		all = append(all, s.Open)
		if s.Close != nil {
			all = append(all, *s.Close)
		}
	}
	seen := map[string]bool{}
	for _, e := range all {
		if n := e.Proof.Checkpoint; !seen[string(n)] {
			seen[string(n)] = true
			out = append(out, n)
		}
	}
	return out
}
