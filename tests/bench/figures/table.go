package figures

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The ways to a target that goals are about: straight, and through the gateway.
const (
	Direct  = "direct"
	Gateway = "gateway"
)

// A Figure is one thing measured on one way, once a round.
type Figure struct {
	What   string    `json:"what"`
	Way    string    `json:"way"`
	Unit   string    `json:"unit"`
	All    []float64 `json:"all"`
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`

	Beside string  `json:"beside,omitempty"` // the way it is compared with, in the same round
	Ratio  float64 `json:"ratio,omitempty"`  // median of those
	Must   float64 `json:"must,omitempty"`   // of the ratio, or of the median where there is none
	Misses bool    `json:"misses,omitempty"`
}

// A Goal is what a figure of the gateway must reach.
type Goal struct {
	What   string
	Beside string // way; "": the figure itself
	Must   float64
	More   bool // is better
}

// A Table is all figures of a run.
type Table struct {
	Goals []Goal
	With  []string // versions of what was measured with

	all []*Figure
}

// Add takes what was measured in a round.
func (t *Table) Add(what, way, unit string, v float64) {
	fmt.Fprintf(os.Stderr, "%s: %s: %.4g %s\n", what, way, v, unit) // who waits long sees where it is
	f := t.find(what, way)
	if f == nil {
		f = &Figure{What: what, Way: way, Unit: unit}
		t.all = append(t.all, f)
	}
	f.All = append(f.All, v)
}

func (t *Table) find(what, way string) *Figure {
	i := slices.IndexFunc(t.all, func(f *Figure) bool { return f.What == what && f.Way == way })
	if i < 0 {
		return nil
	}
	return t.all[i]
}

// Ratio is the median, over the rounds, of one way's figure by another's; 0 where they were not measured beside each other.
func (t *Table) Ratio(what, way, beside string) float64 {
	mine, other := t.find(what, way), t.find(what, beside)
	if mine == nil || other == nil || mine == other || len(mine.All) != len(other.All) {
		return 0
	}
	var all []float64
	for i, v := range mine.All {
		all = append(all, v/other.All[i])
	}
	return Median(all)
}

// Median of figures; it needs one.
func Median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	return s[len(s)/2]
}

// settle works out what is compared with what.
func (t *Table) settle() {
	for _, f := range t.all {
		is := Goal{Beside: Direct}
		if i := slices.IndexFunc(t.Goals, func(g Goal) bool { return g.What == f.What }); i >= 0 {
			is = t.Goals[i]
		}
		f.Median, f.Least, f.Most, f.Beside = Median(f.All), slices.Min(f.All), slices.Max(f.All), is.Beside
		f.Ratio = t.Ratio(f.What, f.Way, f.Beside)
		if f.Way != Gateway || is.Must == 0 {
			continue
		}
		f.Must = is.Must
		v := f.Median
		if is.Beside != "" {
			v = f.Ratio
		}
		f.Misses = v != 0 && (is.More && v < is.Must || !is.More && v > is.Must)
	}
}

// Print writes the table for people, and into the file out as JSON; "" for no file.
func (t *Table) Print(out string) error {
	t.settle()
	with := append([]string{runtime.Version(), fmt.Sprintf("%d cores", runtime.NumCPU())}, t.With...)
	with = append(with, time.Now().UTC().Format(time.DateOnly), "load "+load())
	fmt.Println(strings.Join(with, ", "))
	for _, f := range t.all {
		ratio, must := "", ""
		if f.Ratio != 0 {
			ratio = fmt.Sprintf("%5.2f × %s", f.Ratio, f.Beside)
		}
		switch {
		case f.Misses:
			must = fmt.Sprintf("MISSES %g", f.Must)
		case f.Must != 0:
			must = fmt.Sprintf("must be %g", f.Must)
		}
		fmt.Printf("%-38s %-23s %9.4g %-8s (%.4g–%.4g, %d) %-16s %s\n", f.What, f.Way, f.Median, f.Unit, f.Least, f.Most, len(f.All), ratio, must)
	}
	if out == "" {
		return nil
	}
	data, err := json.MarshalIndent(map[string]any{"versions": with, "figures": t.all}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, data, 0o644)
}

func load() string {
	b, _ := os.ReadFile("/proc/loadavg") // elsewhere it is left out
	one, _, _ := strings.Cut(string(b), " ")
	return one
}
