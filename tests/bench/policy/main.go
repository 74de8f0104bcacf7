package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"lockbox/policy"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A figure is what one peer came to: medians of all rounds.
type figure struct {
	Peer      string  `json:"peer"`
	PerSecond float64 `json:"decisions_per_cpu_second"`
	Lowest    float64 `json:"lowest"`
	Highest   float64 `json:"highest"`
	Ratio     float64 `json:"ratio_to_linear"` // of the same round
	Allocs    float64 `json:"allocations_per_decision"`
}

type report struct {
	Rules    int               `json:"rules"`
	Targets  int               `json:"targets"`
	Yes      int               `json:"yes"`
	Of       int               `json:"of"`
	Ready    float64           `json:"ready_cpu_seconds"`
	Versions map[string]string `json:"versions"`
	Figures  []figure          `json:"figures"`
}

func main() {
	rounds := flag.Int("rounds", 7, "how often each takes its turn")
	turn := flag.Duration("turn", 300*time.Millisecond, "how long each turn is, in CPU time")
	out := flag.String("json", "", "file for the figures; \"\": none")
	flag.Parse()
	if err := run(*rounds, *turn, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rounds int, turn time.Duration, out string) error {
	linear, indexed := world(), world()
	begun := cpu()
	indexed.Ready()
	r := report{Rules: rules, Targets: targets, Of: questions, Ready: (cpu() - begun).Seconds(), Versions: versions()}
	peers := []peer{lockbox("linear", linear, 20), lockbox("indexed", indexed, 2000)}
	for _, make := range []func(*policy.Policy) (peer, error){cedarPeer, opaPeer} {
		p, err := make(linear)
		if err != nil {
			return err
		}
		peers = append(peers, p)
	}
	var err error
	if r.Yes, err = agree(peers); err != nil {
		return err
	}
	if r.Figures, err = measure(peers, rounds, turn); err != nil {
		return err
	}
	show(r)
	if out == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(data, '\n'), 0o644)
}

// agree says how many questions are answered with yes: all peers must say the same.
func agree(peers []peer) (yes int, err error) {
	for i := range questions {
		want, err := peers[0].answer(i)
		if err != nil {
			return 0, err
		}
		for _, p := range peers[1:] {
			if got, err := p.answer(i); err != nil || got != want {
				return 0, fmt.Errorf("question %d: %s says %v, %s says %v (%v)", i, peers[0].name, want, p.name, got, err)
			}
		}
		if want {
			yes++
		}
	}
	return yes, nil
}

// measure lets the peers take turns.
func measure(peers []peer, rounds int, turn time.Duration) ([]figure, error) {
	speed, allocs := make([][]float64, len(peers)), make([][]float64, len(peers))
	for range rounds {
		for i, p := range peers {
			runtime.GC()
			n, begun, before := 0, cpu(), mallocs()
			for cpu()-begun < turn {
				for range p.turn {
					if _, err := p.answer(n); err != nil {
						return nil, err
					}
					n++
				}
			}
			used := cpu() - begun
			speed[i] = append(speed[i], float64(n)/used.Seconds())
			allocs[i] = append(allocs[i], float64(mallocs()-before)/float64(n))
		}
	}
	var out []figure
	for i, p := range peers {
		var ratios []float64
		for round, s := range speed[i] {
			ratios = append(ratios, s/speed[0][round])
		}
		out = append(out, figure{p.name, median(speed[i]), slices.Min(speed[i]), slices.Max(speed[i]), median(ratios), median(allocs[i])})
	}
	return out, nil
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// cpu is what this process has used so far: a machine that is shared tells nothing by its clock.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

func versions() map[string]string {
	out := map[string]string{"go": runtime.Version()}
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/cedar-policy/cedar-go" || m.Path == "github.com/open-policy-agent/opa" {
			out[m.Path] = m.Version
		}
	}
	return out
}

func show(r report) {
	fmt.Printf("%d rules, %d targets; %d of %d questions answered with yes, by all; Ready took %.3f s of CPU; %v\n\n", r.Rules, r.Targets, r.Yes, r.Of, r.Ready, r.Versions)
	fmt.Printf("%-10s %18s %27s %10s %10s\n", "", "decisions/CPU-s", "lowest – highest", "× linear", "allocs")
	for _, f := range r.Figures {
		fmt.Printf("%-10s %18.0f %13.0f – %11.0f %10.2f %10.1f\n", f.Peer, f.PerSecond, f.Lowest, f.Highest, f.Ratio, f.Allocs)
	}
}

// opaInputs are the questions as OPA keeps them, read ahead.
func opaInputs(p *policy.Policy) (out []ast.Value, err error) {
	for _, b := range inputs(p) {
		v, err := ast.ValueFromReader(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("read a question for opa: %w", err)
		}
		out = append(out, v)
	}
	return out, nil
}
