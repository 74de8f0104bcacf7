package policy

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// A large policy: 1,000 rules, 10,000 targets, 500 people in 100 groups. Most
// rules name a group and a label; some a kind, a target, or forbid.
func large() *Policy {
	p := &Policy{Groups: map[string][]string{}, Targets: map[string]*Target{}}
	for i := range 500 {
		for _, g := range []int{i % 100, (i * 7) % 100} {
			p.Groups[fmt.Sprint("g", g)] = append(p.Groups[fmt.Sprint("g", g)], fmt.Sprintf("p%d@example.eu", i))
		}
	}
	for i := range 10_000 {
		name := fmt.Sprintf("t%d.prod", i)
		p.Targets[name] = &Target{
			Name: name, Kind: []string{"ssh", "ssh", "http"}[i%3], Address: fmt.Sprintf("10.%d.%d.5:22", i/250, i%250), HostKey: fmt.Sprint("SHA256:", i),
			Customers: []string{fmt.Sprint("c", i%200), fmt.Sprint("c", 200+i%77)}, Logins: []Login{{Name: "deploy"}, {Name: "support_{{customer}}", One: true}},
			Labels: map[string]string{"team": fmt.Sprint("g", i%100), "env": []string{"a", "b", "c"}[i%3]},
		}
	}
	for i := range 1000 {
		r := Rule{
			Name: fmt.Sprint("rule ", i), Actions: []Action{Shell, Exec}, Groups: []string{fmt.Sprint("g", i%100)}, Labels: map[string]string{"team": fmt.Sprint("g", (i+i/100)%100)},
			Stages: []Stage{{Kind: ByExecutive, Count: 1}, {Kind: ByCustomer, Count: 1}}, Limits: Limits{Max: 4 * time.Hour}, Fresh: time.Hour,
		}
		switch {
		case i%10 == 3:
			r.Kinds, r.Actions = []string{"http"}, []Action{HTTPGet, HTTPPut}
		case i%10 == 5:
			r.Targets, r.Labels = []string{fmt.Sprintf("t%d.prod", i*10)}, nil
		case i%25 == 7:
			r.Forbid, r.Groups, r.Actions = true, nil, []Action{Forward}
		case i%25 == 8:
			r.From = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

// asked are questions of many people about many targets, half of them under a grant.
func asked(p *Policy) (out []Question) {
	for i := range 1024 {
		q := Question{
			Now: noon, Who: Principal{ID: fmt.Sprintf("p%d@example.eu", i%500), Kind: Staff, Groups: []string{"everybody"}}, Do: []Action{Shell, Exec, Forward, HTTPGet}[i%4],
			On: fmt.Sprintf("t%d.prod", (i%100)+100*(i*37%100)), Login: "deploy", From: netip.MustParseAddr("10.1.1.1"), Reason: "outage", Binding: "b",
		}
		if d := p.Decide(q); d.Verdict == Ask && i%2 == 0 {
			q.Proofs = []Proof{{Passkey, q.Who.ID, noon, "b"}}
			q.Grant = &Grant{ID: "G", Who: q.Who, Target: q.On, Login: d.Login, Actions: d.Actions(), Customers: d.Customers, Reason: "outage", Machine: d.Machine(),
				For: time.Hour, Made: noon, ActivateBefore: at(60), Stages: d.Stages()}
		}
		out = append(out, q)
	}
	return out
}

func BenchmarkDecide(b *testing.B) {
	linear, indexed := large(), large()
	indexed.Ready()
	questions := asked(indexed)
	for name, p := range map[string]*Policy{"linear": linear, "indexed": indexed} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i, got, begun := 0, [4]int{}, cpu(b)
			for b.Loop() {
				got[p.Decide(questions[i&1023]).Verdict]++
				i++
			}
			b.ReportMetric(float64(b.N)/(cpu(b)-begun).Seconds(), "decisions/cpu-s")
			b.ReportMetric(float64(got[Allow])/float64(b.N), "allowed")
		})
	}
}

func BenchmarkReady(b *testing.B) {
	p, begun := large(), cpu(b)
	for b.Loop() {
		p.Ready()
	}
	b.ReportMetric((cpu(b)-begun).Seconds()/float64(b.N), "cpu-s/op")
}

// cpu is what this process has used so far: a machine that is shared tells nothing by its clock.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestADecisionAllocatesNothing, its reason included: of the large policy, and
// of every question of the specification that stands on a target.
func TestADecisionAllocatesNothing(t *testing.T) {
	p := large()
	p.Ready()
	seen := map[Verdict]bool{}
	for _, q := range asked(p) {
		var d Decision
		if n := testing.AllocsPerRun(1, func() { d = p.Decide(q) }); n != 0 || d.Why.IsZero() {
			t.Fatalf("%v %q: %v allocations", d.Verdict, d.Why, n)
		}
		seen[d.Verdict] = true
	}
	if !seen[Deny] || !seen[Ask] || !seen[Allow] {
		t.Errorf("seen %v", seen)
	}
}
