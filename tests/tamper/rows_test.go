package tamper

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lockbox/approvals"
	"lockbox/recorder/proof"
)

// rows are all objects that `lockbox verify` reads, with the ways to change each.
func (s *scene) rows(t *testing.T) []row {
	r := rand.New(rand.NewPCG(4, 4))
	of := func(name string) []byte { return must(os.ReadFile(s.path(name)))(t) }
	bytesAnd := func(more func(b []byte) []change) func([]byte) []change {
		return func(b []byte) []change { return append(ofBytes(r, b), more(b)...) }
	}
	tree := []string{"8 checkpoint", "8 witnesses", "7 inclusion", "6 log entry"}
	everything := append([]string{
		"1 challenge", "2 client data", "3 authenticator data", "4 signature", "5 pinned key",
		"9 request", "9 decision and scope", "9 window and scope", "9 outcome", "9 what was done",
	}, tree...)
	month := append([]string{"7 beginning", "7 end", "7 entries", "7 heartbeat"}, tree...)
	rows := []row{
		{"checkpoint with cosignatures", "new.note", []string{""}, bytesAnd(func(b []byte) []change { return ofLines(b, of("fork.note")) }), ofNote, tree, nil},
		{"proof of growth", "grown.json", []string{"", "--since", "old.note"}, bytesAnd(func(b []byte) []change { return ofJSON(t, r, b, b) }), ofGrown,
			append([]string{"7 growth"}, tree...), nil},
		{"main log", "main.tar", []string{""}, bytesAnd(func(b []byte) []change { return ofTar(t, r, b, of("fork.tar")) }), ofTarred(t), tree, nil},
		{"customer's log", "nord.tar", []string{"", "--main", "main.tar"}, bytesAnd(func(b []byte) []change { return ofTar(t, r, b, of("nord-fork.tar")) }), ofTarred(t), tree, nil},
		{"receipt", "receipt.json", []string{""}, bytesAnd(func(b []byte) []change { return ofJSON(t, r, b, of("other.json")) }), ofReceipt, everything, nil},
		{"statement that was signed", "receipt.json", []string{""}, s.within(t, r, ".statement"), ofReceipt, everything, nil},
		{"assertion", "receipt.json", []string{""}, s.within(t, r, ".assertion"), ofReceipt, everything, nil},
		{"inclusion proof", "receipt.json", []string{""}, s.within(t, r, ".proof"), ofReceipt, everything, nil},
		{"entry of a receipt", "receipt.json", []string{""}, s.within(t, r, ".leaf"), ofReceipt, everything, nil},
		{"monthly statement", "month.json", []string{""}, bytesAnd(func(b []byte) []change { return ofJSON(t, r, b, b) }), ofMonth, month, nil},
	}
	rows = append(rows, s.recording(t, "recordings", bytesAnd)...)
	rows = append(rows, s.recording(t, "erased", bytesAnd)...)
	piece, another := []string{"8 clip", "8 signature"}, of("recording.tar")
	rows = append(rows,
		row{"recording in a tar", "recording.tar", []string{"", "--receipt", "receipt.json"}, bytesAnd(func(b []byte) []change { return ofFiles(t, r, b) }), ofTarred(t),
			[]string{"8 recording", "9 recording key"}, nil},
		row{"clip of a recording", "clip.tar", []string{"", "--receipt", "receipt.json"}, bytesAnd(func(b []byte) []change { return append(ofFiles(t, r, b), ofClip(t, r, b, another)...) }),
			ofTarred(t), piece, nil})
	only := bytesAnd(func([]byte) []change { return nil })
	return append(rows,
		row{"backup", "backup.age", nil, only, ofNote, []string{"restore"}, s.restore},
		row{"state of a witness", "witness/" + s.state, nil, bytesAnd(func(b []byte) []change { return ofLines(b, of("fork.note")) }), ofNote, []string{"witness"}, s.stateOf})
}

// recording are the files of one in a folder.
func (s *scene) recording(t *testing.T, folder string, bytesAnd func(func([]byte) []change) func([]byte) []change) (rows []row) {
	kinds := map[string]int{}
	ok(t, fs.WalkDir(os.DirFS(s.dir), folder+"/"+s.session, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		object := map[string]string{"manifest": "manifest of a recording", "key.age": "key of a recording"}[filepath.Base(name)]
		switch {
		case object != "":
		case strings.Contains(name, "/sftp"):
			object = "segment of operations"
		case strings.HasSuffix(name, "/000001.seg"):
			object = "segment that begins with a screen"
		default:
			object = "segment of a recording"
		}
		kinds[object]++
		steps := []string{"8 recording", "9 recording key"}
		if folder == "erased" {
			object, steps = object+" whose key is gone", steps[:1]
		}
		rows = append(rows, row{object, name, []string{"", "--receipt", "receipt.json"}, bytesAnd(func([]byte) []change { return nil }), ofNote, steps, nil})
		return nil
	}))
	if want := map[string]int{"recordings": 5, "erased": 4}[folder]; len(kinds) != want {
		t.Fatalf("%s has %v, want %d kinds of files", folder, kinds, want)
	}
	return rows
}

// within flips bits in what stands under a name, many times.
func (s *scene) within(t *testing.T, r *rand.Rand, suffix string) func([]byte) []change {
	return func(b []byte) (out []change) {
		var at []string
		for _, p := range places("", parse(t, b), func(any) {}) {
			if text, is := p.value.(string); is && text != "" && strings.HasSuffix(p.path, suffix) {
				at = append(at, p.path)
			}
		}
		for range 120 {
			root := parse(t, b)
			all := places("", root, func(v any) { root = v })
			want := at[r.IntN(len(at))]
			i := slices.IndexFunc(all, func(p place) bool { return p.path == want })
			e := edits(r, all[i].value)[0]
			all[i].set(e.value)
			out = append(out, change{e.way, fmt.Sprintf("%s: %v", want, e.value), must(json.Marshal(root))(t)})
		}
		return out
	}
}

// ofNote is a note as it is read: who sends it may order the signatures, and mail its line ends.
func ofNote(b []byte) (any, error) {
	text, signatures, _ := bytes.Cut(bytes.TrimSpace(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))), []byte("\n\n"))
	lines := strings.Split(string(signatures), "\n")
	slices.Sort(lines)
	return []any{string(text), lines}, nil
}

// again is what JSON is read as.
func again[T any](parse func([]byte) (T, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) {
		v, err := parse(b)
		if err != nil {
			return nil, err
		}
		out, err := json.Marshal(v)
		return strings.ReplaceAll(string(out), "null", "[]"), err // no list is an empty one
	}
}

func ofGrown(b []byte) (any, error)   { return again(proof.ParseGrown)(b) }
func ofReceipt(b []byte) (any, error) { return again(approvals.ParseReceipt)(b) }
func ofMonth(b []byte) (any, error)   { return again(approvals.ParseMonth)(b) }

// ofTarred is what is in a tar, in any order.
func ofTarred(t *testing.T) func([]byte) (any, error) {
	return func(b []byte) (any, error) {
		files, err := proof.Tar(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return nil, err
		}
		var out []string
		err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := fs.ReadFile(files, name)
			out = append(out, fmt.Sprintf("%s %x", name, data))
			return err
		})
		return out, err
	}
}
