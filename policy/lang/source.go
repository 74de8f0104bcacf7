package lang

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lockbox/policy"
)

// A Source is a policy and the places where it is written.
type Source struct {
	Policy *policy.Policy
	Tests  []Test

	groups, customers, targets map[string]entry
	rules                      []*node          // as Policy.Rules
	single                     map[string]*node // what stands once in all files, by its field
}

// An entry is a named thing in a file.
type entry struct{ key, val *node }

const maxFiles = 256

// Load reads the *.yaml of one directory. It refuses what Parse and Valid
// refuse; the error is Errors. Nothing is decided from a policy that it refused.
func Load(dir string) (*Source, error) {
	files, err := Read(dir)
	if err != nil {
		return nil, err
	}
	s, err := Parse(files)
	if err != nil {
		return nil, err
	}
	if err := s.Valid(); err != nil {
		return nil, err
	}
	return s, nil
}

// Read returns the bytes of the *.yaml of one directory under their names, as
// in "policy/rules.yaml": what Parse takes. The error is Errors.
func Read(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, Errors{unreadable(dir, err)}
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, Errors{unreadable(dir, err)}
	}
	files := map[string][]byte{}
	for _, e := range entries {
		name := path.Join(filepath.Base(full), e.Name())
		switch ext := strings.ToLower(filepath.Ext(name)); {
		case strings.HasPrefix(e.Name(), "."): // an editor's
			continue
		case ext != ".yaml" && ext != ".yml":
			continue
		case filepath.Ext(name) != ".yaml": // it might hold a rule that forbids
			return nil, Errors{{File: name, Msg: "only *.yaml is read", Fix: "name it " + strings.TrimSuffix(e.Name(), filepath.Ext(name)) + ".yaml"}}
		case len(files) == maxFiles:
			return nil, Errors{{File: dir, Msg: fmt.Sprintf("there are more than %d files", maxFiles), Fix: "put some together"}}
		}
		if files[name], err = readFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, Errors{unreadable(name, err)}
		}
	}
	if len(files) == 0 {
		return nil, Errors{{File: dir, Msg: "there is no *.yaml here", Fix: "write one; it begins with: version: 1"}}
	}
	return files, nil
}

// readFile reads at most one byte more than a policy file may have.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name) // a mounted volume holds links
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return data, errors.Join(err, f.Close())
}

func unreadable(name string, err error) Error {
	var in *fs.PathError
	if errors.As(err, &in) {
		err = in.Err
	}
	return Error{File: name, Msg: "it cannot be read: " + err.Error(), Fix: "see that it is there and that this user may read it"}
}

// Parse reads policy files from memory, by name. It refuses what cannot be
// read as a policy; Check tells what is wrong with one that can. The error is
// Errors.
func Parse(files map[string][]byte) (*Source, error) {
	r := &reader{seen: map[string]*node{}, zones: map[string]*time.Location{}, src: &Source{
		Policy: &policy.Policy{
			Digest: digest(files), Groups: map[string][]string{},
			Customers: map[string]policy.Customer{}, Targets: map[string]*policy.Target{},
		},
		groups: map[string]entry{}, customers: map[string]entry{}, targets: map[string]entry{}, single: map[string]*node{},
	}}
	language := aFile()
	bases := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if base := path.Base(name); bases[base] {
			r.errs = append(r.errs, Error{File: name, Msg: "a file of this name is there already", Fix: "give it another name"})
		} else {
			bases[base] = true
		}
		r.file(name, files[name], language)
	}
	if len(files) == 0 {
		r.errs = append(r.errs, Error{File: "policy", Msg: "there is no file", Fix: "write one; it begins with: version: 1"})
	}
	if len(r.errs) > 0 {
		return nil, r.errs.sorted()
	}
	return r.src, nil
}

// file reads one file into the source.
func (r *reader) file(name string, data []byte, language value[Source]) {
	f, errs := newFile(name, data)
	if len(errs) > 0 {
		r.errs = append(r.errs, errs...)
		return
	}
	root, errs := load(f)
	if len(errs) > 0 {
		r.errs = append(r.errs, errs...)
		return
	}
	_, _ = language.read(r, root) // what is refused is in r.errs
}

// aFile is the whole language: what stands at the top of a file.
func aFile() value[Source] {
	type t = Source
	here := func(*t, bool) {} // read into reader.src
	return tableOf(shape[t]{of: "a policy file", fields: []field[t]{
		must("version", version(), "The version of this language.", here),
		has("groups", groups(), "Who belongs together, by the name of the group.", here),
		has("customers", customers(), "Whose data there is, by id. Who speaks for a customer is not here: its reviewers are its own to admit.", here),
		has("executives", into(executives(), func(p *policy.Policy, v []string) { p.Executives = v }), "Who can say yes for the company at first. It stands in one file.", here),
		has("auditors", into(auditors(), func(p *policy.Policy, v []string) { p.Auditors = v }), "Whose keys open the recordings of rules that are sealed to the auditor. It stands in one file.", here),
		has("declaration", into(declaration(), func(p *policy.Policy, v *policy.Declaration) { p.Declaration = v }), "The declaration of confidentiality: who has not signed this one with a passkey cannot ask. It stands in one file.",
			here),
		has("activation", into(activation(), func(p *policy.Policy, v int) { p.Activation = v }), "How a change of these files comes into force in production. It stands in one file.", here),
		has("passkeys", into(passkeys(), func(p *policy.Policy, v []policy.Kind) { p.DeviceBound = v }), "Where people may keep their passkeys. It stands in one file.", here),
		has("targets", targets(), "The machines and applications behind the doors, by name. A name has a dot in it.", here),
		has("rules", rules(), "Who may do what. Where nothing permits, nothing is given; a rule that forbids beats all that permit; of those that permit, the first whose conditions hold decides.", here),
		has("tests", tests(), "What is expected of the whole policy. A policy whose tests fail is refused.", here),
	}})
}

// into puts a value into the policy that is read.
func into[V any](v value[V], set func(*policy.Policy, V)) value[bool] {
	return value[bool]{schema: v.schema, read: func(r *reader, n *node) (bool, bool) {
		one, ok := v.read(r, n)
		if ok {
			set(r.src.Policy, one)
		}
		return ok, ok
	}}
}

func version() value[bool] {
	return value[bool]{
		schema: schema{Type: "integer", Minimum: 1, Maximum: 1},
		read: func(r *reader, n *node) (bool, bool) {
			if n.form != number || n.text != "1" {
				r.refuse(n, "write version: 1", "this version of lockbox reads version 1")
			}
			return true, true
		},
	}
}

// digest is SHA-256 over each file's name, length and bytes, sorted by name.
// The directory is not part of it.
func digest(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.SortedFunc(maps.Keys(files), func(a, b string) int { return strings.Compare(path.Base(a), path.Base(b)) }) {
		base := path.Base(name)
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(base)))) // a hash never fails
		_, _ = io.WriteString(h, base)
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(files[name]))))
		_, _ = h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}
