package lang_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"lockbox/policy/lang"
)

func fingerprint(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, i))
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// bigFiles are a policy of 1,000 rules (a tenth forbid) and 10,000 targets in 32 files,
// with 50 groups, 100 customers and 100 tests.
func bigFiles(targets, rules int) map[string][]byte {
	files := map[string][]byte{}
	var b strings.Builder
	add := func(form string, args ...any) { fmt.Fprintf(&b, form, args...) }
	done := func(name string) {
		files["policy/"+name+".yaml"] = []byte("version: 1\n" + b.String())
		b.Reset()
	}
	add("groups:\n")
	for i := range 50 {
		add("  g%d: { members: [a%d@example.eu, b%d@example.eu] }\n", i, i, i)
	}
	add("  board: { members: [ceo@example.eu, cto@example.eu] }\n  deputies: { members: [cfo@example.eu] }\ncustomers:\n")
	for i := range 100 {
		add("  c%d: { name: Customer %d, founded_by: [%q] }\n", i, i, fingerprint(20000+i))
	}
	add("executives: { founded_by: [%q, %q] }\n", fingerprint(30001), fingerprint(30002))
	done("people")
	for i := range targets {
		if i%500 == 0 {
			add("targets:\n")
		}
		add("  db%d.prod:\n    kind: ssh\n    address: 10.%d.%d.%d:22\n    host_key: %s\n    logins:\n      deploy: { reaches: all }\n"+
			"      support_ro: { reaches: all, read_only: true }\n    class: production\n    owner: platform@example.eu\n    location: EU-West\n"+
			"    customers: [c%d]\n    labels: { env: prod, role: r%d, no: n%d }\n", i, i>>16&255, i>>8&255, i&255, fingerprint(i), i%100, i%1000, i%20)
		if i%500 == 499 || i == targets-1 {
			done(fmt.Sprintf("targets%03d", i/500))
		}
	}
	for i := range rules {
		if i%100 == 0 {
			add("rules:\n")
		}
		if i%10 == 9 {
			add("  - { name: rule %d, forbid: [forward], on: { labels: { env: prod, role: r%d } } }\n", i, i)
		} else {
			add("  - name: rule %d\n    permit: [shell, exec, sftp-get]\n    who: { groups: [g%d] }\n    on: { labels: { env: prod, role: r%d } }\n"+
				"    reasons: [customer-case, outage]\n    hours: { days: Mon-Fri, from: \"07:00\", to: \"19:00\", zone: Europe/Copenhagen }\n    from: [10.0.0.0/8]\n"+
				"    stages:\n      - { executive: { group: board, count: 1, expires: 12h, escalate: [{ after: 15m, to: deputies }] } }\n      - { customer: { count: 1, expires: 96h } }\n"+
				"    limits: { default: 1h, max: 4h }\n    ticket: '^(INC|SUP)-[0-9]+$'\n", i, i%50, i)
		}
		if i%100 == 99 || i == rules-1 {
			done(fmt.Sprintf("rules%02d", i/100))
		}
	}
	add("tests:\n")
	for i := range min(100, rules) {
		if i%10 != 9 {
			add("  - { as: a%d@example.eu, do: shell, on: db%d.prod, expect: ask, stages: [executive, customer] }\n", i%50, i)
		}
	}
	done("tests")
	return files
}

// BenchmarkLoad is what a gateway does with 1,000 rules and 10,000 targets
// before it decides by them. The bound is a second.
func BenchmarkLoad(b *testing.B) {
	files := bigFiles(10_000, 1_000)
	var parse, valid, ready time.Duration
	busy := processor(b)
	for b.Loop() {
		began := time.Now()
		s, err := lang.Parse(files)
		if err != nil {
			b.Fatal(err)
		}
		parse += time.Since(began)
		began = time.Now()
		if err := s.Valid(); err != nil {
			b.Fatal(err)
		}
		valid += time.Since(began)
		began = time.Now()
		s.Policy.Ready()
		ready += time.Since(began)
	}
	each := func(d time.Duration) float64 { return float64(d.Milliseconds()) / float64(b.N) }
	b.ReportMetric(each(processor(b)-busy), "ms-processor/op") // of all threads, the collector too
	b.ReportMetric(each(parse), "ms-parse/op")
	b.ReportMetric(each(valid), "ms-check/op")
	b.ReportMetric(each(ready), "ms-ready/op")
}

// processor is the time that this process has used, whoever else is busy.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestALargePolicyIsLoadedInTime: the bound is a second, and here ten, for a
// machine that is busy with other tests under the race detector.
func TestALargePolicyIsLoadedInTime(t *testing.T) {
	for name, files := range map[string]map[string][]byte{"narrow rules": bigFiles(10_000, 1_000), "rules about everything": wideFiles(10_000, 1_000)} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			s, err := lang.Parse(files)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Valid(); err != nil {
				t.Fatal(err)
			}
			s.Policy.Ready()
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s", took)
			} else {
				t.Log(took)
			}
		})
	}
}

// wideFiles are a policy whose rules are about every target.
func wideFiles(targets, rules int) map[string][]byte {
	files := bigFiles(targets, rules)
	delete(files, "policy/tests.yaml") // more hours than a test looks at
	for name, data := range files {
		if strings.Contains(name, "rules") {
			lines := strings.Split(string(data), "\n")
			for i, line := range lines {
				if at := strings.Index(line, "on: { labels: { env: prod, role: r"); at >= 0 {
					lines[i] = line[:at] + "on: { kinds: [ssh] }" + strings.Repeat(" }", strings.Count(line, "forbid"))
				}
			}
			files[name] = []byte(strings.Join(lines, "\n"))
		}
	}
	return files
}
