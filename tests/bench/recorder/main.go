package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"lockbox/tests/door"
)

// A result is one figure; less is better.
type result struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	All    []float64 `json:"all"` // one a round
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
	Must   float64   `json:"must,omitempty"` // at most; 0: it is only looked at
	Misses bool      `json:"misses,omitempty"`
}

func (r *result) add(v float64) { r.All = append(r.All, v) }

func (r *result) settle() {
	all := slices.Sorted(slices.Values(r.All))
	r.Least, r.Median, r.Most = all[0], all[len(all)/2], all[len(all)-1]
	r.Misses = r.Must > 0 && r.Median > r.Must
}

// A bench collects results and keeps its files in one folder.
type bench struct {
	dir     string
	rounds  int
	results []*result
}

// result is the one of that name; the first to ask says what it is.
func (b *bench) result(name, unit string, must float64) *result {
	for _, r := range b.results {
		if r.Name == name {
			return r
		}
	}
	r := &result{Name: name, Unit: unit, Must: must}
	b.results = append(b.results, r)
	return r
}

func main() {
	door.Serve()
	rounds := flag.Int("rounds", 5, "how often everything is measured")
	only := flag.String("only", "", "relay, disk or idle; empty for all")
	out := flag.String("json", "", "file for the results as JSON")
	flag.Parse()
	if err := run(*rounds, *only, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rounds int, only, out string) error {
	dir, err := os.MkdirTemp("", "bench-recorder")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system's folder is swept
	b := &bench{dir: dir, rounds: rounds}
	for _, part := range []struct {
		name string
		do   func() error
	}{{"relay", b.relay}, {"idle", b.idle}, {"disk", b.disk}} {
		if only != "" && only != part.name {
			continue
		}
		if err := b.room(20 << 30); err != nil {
			return err
		}
		if err := part.do(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return b.print(out)
}

// room refuses to fill the disk.
func (b *bench) room(want uint64) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &s); err != nil {
		return err
	}
	if free := s.Bavail * uint64(s.Bsize); free < want {
		return fmt.Errorf("%s has %d GiB free; %d are wanted before it begins", b.dir, free>>30, want>>30)
	}
	return nil
}

func (b *bench) print(out string) error {
	fmt.Printf("%s, %d cores, %s\n", runtime.Version(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	for _, r := range b.results {
		r.settle()
		must := ""
		switch {
		case r.Misses:
			must = fmt.Sprintf("MISSES at most %g", r.Must)
		case r.Must > 0:
			must = fmt.Sprintf("at most %g", r.Must)
		}
		fmt.Printf("%-62s %10.4g %-8s (%.4g to %.4g, %d rounds) %s\n", r.Name, r.Median, r.Unit, r.Least, r.Most, len(r.All), must)
	}
	if out == "" {
		return nil
	}
	data, err := json.MarshalIndent(b.results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, data, 0o644)
}
