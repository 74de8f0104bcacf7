package recorder

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// terminal is text as a terminal shows it: listings, prompts, colours, numbers that change.
func terminal(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "\x1b[32mops@db1\x1b[0m:\x1b[34m/var/log\x1b[0m$ grep -n err app-%d.log\r\n", i%17)
		for j := range 20 {
			h := uint32(i*31+j) * 2654435761
			fmt.Fprintf(&b, "-rw-r--r-- 1 app  app %8d Nov %2d %02d:%02d request-%08x.json status=%d took=%dms\r\n",
				h%9999999, h%28+1, h%24, h%60, h, 200+h%5*100, h%977)
		}
	}
	return b.Bytes()[:n]
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRecord reports processor time and bytes on disk of what is recorded.
func BenchmarkRecord(b *testing.B) {
	const size = 16 << 20
	for _, row := range []struct {
		name  string
		head  Header
		data  []byte
		write int
	}{
		{"text/32KiB", pty, terminal(size), 32 << 10},
		{"text/200B", pty, terminal(size), 200},
		{"random/32KiB", pty, noise(size), 32 << 10},
		{"exec-text/32KiB", Header{Kind: "exec"}, terminal(size), 32 << 10},
		{"exec-random/32KiB", Header{Kind: "exec"}, noise(size), 32 << 10},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.SetBytes(size)
			var disk int64
			var used time.Duration
			for b.Loop() {
				r := newRig(b)
				_, rec, tr := r.begin(b, row.head)
				from := cpu()
				for p := row.data; len(p) > 0; {
					n := min(row.write, len(p))
					must(b, tr.Output(p[:n]))
					p = p[n:]
				}
				seal := closed(b, rec)
				used += cpu() - from
				disk += seal.Bytes
				must(b, os.RemoveAll(r.Dir))
			}
			n := float64(b.N) * size
			b.ReportMetric(float64(used.Microseconds())/1000/(n/(1<<20)), "cpu-ms/MiB")
			b.ReportMetric(float64(disk)/n, "disk-B/B")
		})
	}
}

// BenchmarkBeyond reports processor time of what comes after a stream's limit:
// it is counted and hashed only.
func BenchmarkBeyond(b *testing.B) {
	const size = 1 << 30
	p := noise(32 << 10)
	b.SetBytes(size)
	var used time.Duration
	for b.Loop() {
		r := newRig(b)
		_, rec, tr := r.begin(b, Header{Kind: "exec"})
		from := cpu()
		for range size / len(p) {
			must(b, tr.Output(p))
		}
		if seal := closed(b, rec); seal.Bytes > 20<<20 {
			b.Fatalf("%d bytes on disk", seal.Bytes)
		}
		used += cpu() - from
		must(b, os.RemoveAll(r.Dir))
	}
	b.ReportMetric(float64(used.Microseconds())/1000/float64(b.N)/(size>>20), "cpu-ms/MiB")
}

// BenchmarkOpen is a session with one command.
func BenchmarkOpen(b *testing.B) {
	r := newRig(b)
	from := cpu()
	for b.Loop() {
		r.record(b, Header{Kind: "exec", Command: "true"}, func(tr *Track) { must(b, tr.Output([]byte("hello\n"))) })
	}
	b.ReportMetric(float64((cpu()-from).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkIdle reports the memory that a recording at rest holds.
func BenchmarkIdle(b *testing.B) {
	r := newRig(b)
	r.record(b, pty, func(*Track) {})
	var recs []*Recording
	before := rss()
	for b.Loop() {
		_, rec, tr := r.begin(b, pty)
		must(b, tr.Output(terminal(2000)))
		recs = append(recs, rec)
	}
	b.ReportMetric(float64(rss()-before)/float64(b.N), "KiB/op")
	for _, rec := range recs {
		closed(b, rec)
	}
}

func rss() int {
	s, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(s), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(after)[0])
	return n
}

// BenchmarkBulk reports processor time of what is counted and hashed only.
func BenchmarkBulk(b *testing.B) {
	_, rec, tr := newRig(b).begin(b, Header{Kind: "exec", Bulk: 1})
	p := noise(32 << 10)
	b.SetBytes(int64(len(p)))
	from := cpu()
	for b.Loop() {
		must(b, tr.Output(p))
	}
	perMiB(b, cpu()-from, len(p))
	closed(b, rec)
}

func perMiB(b *testing.B, used time.Duration, n int) {
	b.ReportMetric(float64(used.Microseconds())/1000/(float64(b.N)*float64(n)/(1<<20)), "cpu-ms/MiB")
}
