package target

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/tests/e2e/harness"
)

func sshdTarget(s *harness.SSHD) *policy.Target {
	return &policy.Target{Name: "db1.prod", Address: s.Addr, HostKey: ssh.FingerprintSHA256(s.HostKey)}
}

// TestRealSSHDTakesWhatWasKeptAhead: with the certificate of the session that
// claims it, and with no login named in the log for what nobody claimed.
func TestRealSSHDTakesWhatWasKeptAhead(t *testing.T) {
	clean(t)
	ca := newSigner(t)
	s := harness.StartSSHD(t, ca.PublicKey())
	d := newDialer(t, ca, withSpares)
	to, me := sshdTarget(s), harness.Login(t)
	if err := d.Look(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.Log(), me) {
		t.Errorf("a look named %s:\n%s", me, s.Log())
	}
	dial(t, d, callTo(to, me, "r-FIRST"))
	ready(t, d, placeOf(to, me))
	c := dial(t, d, callTo(to, me, "r-SECOND"))
	s.ExpectLog("ID r-SECOND")
	if strings.Count(s.Log(), "ID r-FIRST") == 0 {
		t.Errorf("the first is not in the log:\n%s", s.Log())
	}
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	if ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{"true"})); !ok || err != nil {
		t.Fatalf("got %v, %v", ok, err)
	}
}

func TestRealSSHDRefusesForWhatItsOperatorIsToldOf(t *testing.T) {
	clean(t)
	s := harness.StartSSHD(t, newSigner(t).PublicKey()) // it trusts another CA
	d := newDialer(t, newSigner(t), withSpares)
	to := sshdTarget(s)
	for _, login := range []string{harness.Login(t), "nobody-here"} {
		_, err := d.Dial(t.Context(), callTo(to, login, "r-1"))
		if KindOf(err) != Unwelcome || !strings.Contains(err.Error(), "TrustedUserCAKeys") {
			t.Errorf("%s: got %v", login, err)
		}
	}
}

// TestB25RealSSHDExchangesKeysAfterEachPacket, in both directions, and every byte comes back.
func TestB25RealSSHDExchangesKeysAfterEachPacket(t *testing.T) {
	clean(t)
	ca := newSigner(t)
	s := harness.StartSSHDWith(t, ca.PublicKey(), "RekeyLimit 16K\nKexAlgorithms curve25519-sha256\n")
	d := newDialer(t, ca, func(d *Dialer) { d.Config.RekeyThreshold = 64 << 10 })
	c := dial(t, d, callTo(sshdTarget(s), harness.Login(t), "r-1"))
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	if ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{"cat"})); !ok || err != nil {
		t.Fatalf("got %v, %v", ok, err)
	}
	want := make([]byte, 4<<20)
	_, _ = rand.Read(want)
	go func() {
		_, _ = ch.Write(want)
		_ = ch.CloseWrite()
	}()
	if got, err := io.ReadAll(ch); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes came back: %v", len(got), len(want), err)
	}
}

// BenchmarkDial is one connection, from nothing and from what was kept ahead,
// to OpenSSH's sshd and to a target that does nothing else.
func BenchmarkDial(b *testing.B) {
	ca := newSigner(b)
	sshd := harness.StartSSHD(b, ca.PublicKey())
	stub := newStub(b)
	for name, to := range map[string]*policy.Target{"sshd": sshdTarget(sshd), "stub": stub.target()} {
		for how, spares := range map[string]int{"fresh": 0, "standby": 4} {
			b.Run(name+"/"+how, func(b *testing.B) {
				d := newDialer(b, ca, func(d *Dialer) { d.Spares = spares })
				me := harness.Login(b)
				var all []time.Duration
				for b.Loop() {
					if spares > 0 {
						b.StopTimer()
						d.Warm(to, me)
						ready(b, d, placeOf(to, me))
						<-time.After(10 * time.Millisecond) // as between two people
						b.StartTimer()
					}
					began := time.Now()
					c, err := d.Dial(b.Context(), callTo(to, me, "r-1"))
					if err != nil {
						b.Fatal(err)
					}
					all = append(all, time.Since(began))
					b.StopTimer()
					c.HangUp()
					c.Left()
					b.StartTimer()
				}
				sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
				b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "ms/median")
			})
		}
	}
}

// BenchmarkIdle is what a connection to a target costs while nothing passes:
// one that was made, and one that is kept ahead.
func BenchmarkIdle(b *testing.B) {
	const n = 8 // sshd turns away more that are kept
	ca := newSigner(b)
	to := sshdTarget(harness.StartSSHD(b, ca.PublicKey()))
	me := harness.Login(b)
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("kept=%v", kept), func(b *testing.B) {
			d := newDialer(b, ca, func(d *Dialer) { d.Spares = n })
			var before int64
			for i := range n + 1 {
				if i == 1 {
					before = heap()
				}
				if kept {
					to := *to
					to.Name = fmt.Sprintf("db%d.prod", i)
					d.Warm(&to, me)
					if i < n {
						ready(b, d, placeOf(&to, me))
					}
					continue
				}
				c, err := d.fresh(b.Context(), &Call{Target: to, Login: me, KeyID: "r-1", Gate: open})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(c.HangUp)
			}
			for b.Loop() {
				runtime.Gosched()
			}
			b.ReportMetric(float64(heap()-before)/n/1024, "KiB/conn")
		})
	}
}
