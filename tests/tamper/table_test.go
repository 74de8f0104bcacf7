package tamper

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// A row of the table: what is changed, and how it is verified.
type row struct {
	object string
	file   string                      // in the scene
	args   []string                    // of verify; the first is where the changed file goes
	change func([]byte) []change       // all ways
	means  func(b []byte) (any, error) // two files that mean the same are the same, however they are spelled
	steps  []string                    // that may name it
	open   func(path string) error     // what reads it, where that is not verify
}

// A trial is one change.
type trial struct {
	row  *row
	way  string
	what string
	data []byte
}

// A tally of what named the changes of one object and way.
type tally struct {
	tries, same int
	by          map[string]int
}

func TestNothingThatIsChangedPassesUnnoticed(t *testing.T) {
	s := newScene(t)
	tb := table{}
	var mu sync.Mutex
	var trials []trial
	rows := s.rows(t)
	for i := range rows {
		was := must(os.ReadFile(s.path(rows[i].file)))(t)
		for _, c := range rows[i].change(was) {
			if !bytes.Equal(c.data, was) {
				trials = append(trials, trial{&rows[i], c.way, c.what, c.data})
			}
		}
	}
	var wg sync.WaitGroup
	next := make(chan trial)
	for range 2 {
		wg.Go(func() {
			for x := range next {
				named, err := s.try(t, x)
				mu.Lock()
				tb.note(t, x, named, err)
				mu.Unlock()
			}
		})
	}
	for _, x := range trials {
		next <- x
	}
	close(next)
	wg.Wait()
	t.Logf("%d changes\n%s", len(trials), tb)
}

const (
	meansTheSame = "means the same"
	gone         = "exit code 2" // of a file that is not there
)

// try gives the step that names a change.
func (s *scene) try(t *testing.T, x trial) (string, error) {
	dir, err := os.MkdirTemp(s.dir, "try")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the scene's folder goes too
	at := filepath.Join(dir, filepath.Base(x.row.file))
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o700); err != nil {
		return "", err
	}
	folder, _, whole := strings.Cut(x.row.file, "/"+s.session+"/")
	if whole { // the whole folder is verified, under its name
		at = filepath.Join(dir, x.row.file)
		if err := os.CopyFS(filepath.Join(dir, folder, s.session), os.DirFS(s.path(folder+"/"+s.session))); err != nil {
			return "", err
		}
		if err := os.Remove(at); err != nil {
			return "", err
		}
	}
	if x.data != nil {
		if err := os.WriteFile(at, x.data, 0o600); err != nil {
			return "", err
		}
	}
	args := slices.Clone(x.row.args)
	if len(args) > 0 {
		args[0] = at
	}
	if whole {
		args[0] = filepath.Join(dir, folder, s.session)
	}
	if x.row.open != nil {
		if err := x.row.open(at); err != nil {
			return x.row.steps[0], nil
		}
		return x.same(s)
	}
	f, err := s.verify(t.Context(), args...)
	if err != nil || f.failed() != "" {
		return f.failed(), err
	}
	return x.same(s)
}

// same says whether what passed means what it meant.
func (x trial) same(s *scene) (string, error) {
	was, err := os.ReadFile(s.path(x.row.file))
	if err != nil || x.data == nil {
		return "", err
	}
	a, err := x.row.means(was)
	if err != nil {
		return "", err
	}
	b, err := x.row.means(x.data)
	if one, other := fmt.Sprint(a), fmt.Sprint(b); err == nil && one == other {
		return meansTheSame, nil
	}
	return "", nil
}

// A table counts what named the changes, by object and way.
type table map[string]*tally

func (tb table) note(t *testing.T, x trial, named string, err error) {
	key := x.row.object + "\t" + x.way
	if tb[key] == nil {
		tb[key] = &tally{by: map[string]int{}}
	}
	at := tb[key]
	at.tries++
	switch {
	case err != nil:
		t.Errorf("%s, %s: %v", x.row.object, x.way, err)
	case named == meansTheSame:
		at.same++
	case named == "":
		t.Errorf("%s, %s: passed unnoticed: %s", x.row.object, x.way, x.what)
	default:
		at.by[named]++
		if !slices.Contains(x.row.steps, named) && named != gone && named != "0 form" {
			t.Errorf("%s, %s: named by step %q, want one of %q: %s", x.row.object, x.way, named, x.row.steps, x.what)
		}
		if named == gone && x.data != nil {
			t.Errorf("%s, %s: no step is named: %s", x.row.object, x.way, x.what)
		}
	}
}

func (tb table) String() string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 1, 2, ' ', 0)
	fmt.Fprintln(w, "object\tway\ttries\tmeans the same\tnamed by step")
	for _, k := range slices.Sorted(maps.Keys(tb)) {
		var by []string
		for _, step := range slices.Sorted(maps.Keys(tb[k].by)) {
			by = append(by, fmt.Sprintf("%s (%d)", step, tb[k].by[step]))
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", k, tb[k].tries, tb[k].same, strings.Join(by, ", "))
	}
	_ = w.Flush() // into memory
	return b.String()
}
