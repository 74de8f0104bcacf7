package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A figure is one thing measured on one way, once a round.
type figure struct {
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

// A goal is what a figure of the gateway must reach.
type goal struct {
	what   string
	beside string // way; "": the figure itself
	must   float64
	more   bool // is better
}

func goals() []goal {
	return []goal{
		{keepRate, direct, 0.25, true},
		{allTime, direct, 4, false},
		{"new TLS connections/s", direct, 0.8, true},
	}
}

func (b *bench) add(what, way, unit string, v float64) {
	fmt.Fprintf(os.Stderr, "%s: %s: %.4g %s\n", what, way, v, unit) // who waits long sees where it is
	for _, f := range b.figures {
		if f.What == what && f.Way == way {
			f.All = append(f.All, v)
			return
		}
	}
	b.figures = append(b.figures, &figure{What: what, Way: way, Unit: unit, All: []float64{v}})
}

func (b *bench) find(what, way string) *figure {
	i := slices.IndexFunc(b.figures, func(f *figure) bool { return f.What == what && f.Way == way })
	if i < 0 {
		return nil
	}
	return b.figures[i]
}

func median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	return s[len(s)/2]
}

// settle works out what is compared with what.
func (b *bench) settle() {
	for _, f := range b.figures {
		f.Median, f.Least, f.Most = median(f.All), slices.Min(f.All), slices.Max(f.All)
		f.Beside = direct
		var is goal
		for _, g := range goals() {
			if g.what == f.What {
				is = g
				f.Beside = g.beside
			}
		}
		if peer := b.find(f.What, f.Beside); peer != nil && f.Way != f.Beside && len(peer.All) == len(f.All) {
			var all []float64
			for i, v := range f.All {
				all = append(all, v/peer.All[i])
			}
			f.Ratio = median(all)
		}
		if f.Way != gate || is.must == 0 {
			continue
		}
		f.Must = is.must
		v := f.Median
		if is.beside != "" {
			v = f.Ratio
		}
		f.Misses = v != 0 && (is.more && v < is.must || !is.more && v > is.must)
	}
}

func (b *bench) print(out string) error {
	b.settle()
	versions := []string{runtime.Version(), fmt.Sprintf("%d cores", runtime.NumCPU()), time.Now().UTC().Format(time.DateOnly), "load " + load()}
	fmt.Println(strings.Join(versions, ", "))
	for _, f := range b.figures {
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
	b.versus(keepRate, oauth2, func(mine, other float64) float64 { return mine / other })
	b.versus(allTime, oauth2, func(mine, other float64) float64 { return other / mine })
	if len(b.missing) > 0 {
		fmt.Println("not here: " + strings.Join(b.missing, ", "))
	}
	if out == "" {
		return nil
	}
	data, err := json.MarshalIndent(map[string]any{"versions": versions, "figures": b.figures}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, data, 0o644)
}

// versus says how many times a peer the gateway is.
func (b *bench) versus(what, name string, ratio func(mine, other float64) float64) {
	mine, other := b.find(what, gate), b.find(what, name)
	if mine == nil || other == nil || len(mine.All) != len(other.All) {
		return
	}
	var all []float64
	for i, v := range mine.All {
		all = append(all, ratio(v, other.All[i]))
	}
	fmt.Printf("by %s: %.2f × %s; must be 3\n", what, median(all), name)
}

func load() string {
	b, _ := os.ReadFile("/proc/loadavg") // elsewhere it is left out
	one, _, _ := strings.Cut(string(b), " ")
	return one
}
