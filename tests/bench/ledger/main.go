package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// A result is one figure. Of rates more is better, of the others less.
type result struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	All    []float64 `json:"all"` // one a round
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
	Must   string    `json:"must,omitempty"`
}

func (r *result) add(v float64) { r.All = append(r.All, v) }

func (r *result) settle() {
	all := slices.Sorted(slices.Values(r.All))
	r.Least, r.Median, r.Most = all[0], all[len(all)/2], all[len(all)-1]
}

// A bench collects results and keeps its files in one folder.
type bench struct {
	ctx     context.Context
	dir     string
	rounds  int
	million int64
	results []*result
}

func (b *bench) result(name, unit, must string) *result {
	r := &result{Name: name, Unit: unit, Must: must}
	b.results = append(b.results, r)
	return r
}

func main() {
	rounds := flag.Int("rounds", 5, "how often appends are measured")
	million := flag.Int64("events", 1_000_000, "events of the ledger that is opened; the proof is of ten times as many")
	only := flag.String("only", "", "appends, open, requests or proof; empty for all")
	out := flag.String("json", "", "file for the results as JSON")
	parent := flag.String("dir", "", "folder with room for 10 GB; empty for the system's")
	flag.Parse()
	if err := run(*rounds, *million, *only, *out, *parent); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rounds int, million int64, only, out, parent string) error {
	dir, err := os.MkdirTemp(parent, "bench-ledger")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system's folder is swept
	b := &bench{ctx: context.Background(), dir: dir, rounds: rounds, million: million}
	for _, part := range []struct {
		name string
		do   func() error
	}{{"appends", b.appends}, {"open", b.open}, {"requests", b.requests}, {"proof", b.proof}} {
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

func (b *bench) file(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) print(out string) error {
	fmt.Printf("%s, %d cores, %s\n", runtime.Version(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	for _, r := range b.results {
		r.settle()
		fmt.Printf("%-58s %12.4g %-10s (%.4g to %.4g, %d rounds) %s\n", r.Name, r.Median, r.Unit, r.Least, r.Most, len(r.All), r.Must)
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

// heap is what lives after a collection, in MiB.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}
