package recorder

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// raws are kinds of tracks that keep bytes, with what takes something out and without.
func exactHeaders() []Header {
	return []Header{
		{Kind: "pty", Cols: 80, Rows: 24}, {Kind: "pty", Redact: redactAll}, {Kind: "exec", Redact: redactAll, Input: true},
		{Kind: "fwd"}, {Kind: "file", Redact: redactAll}, {Kind: "exec", Strict: true, Redact: redactAll},
	}
}

func TestEveryKindKeepsEveryByte(t *testing.T) {
	for n, h := range exactHeaders() {
		rnd := rand.New(rand.NewPCG(2, uint64(n)))
		o, e, i := chance(rnd, 60000), chance(rnd, 6000), chance(rnd, 6000)
		r := newRig(t)
		synctest.Test(t, func(t *testing.T) {
			w, rec, tr := r.begin(t, h)
			most := 1 + rnd.IntN(3000)
			if h.Strict {
				most = 3000
			}
			for o, e, i := o, e, i; len(o)+len(e)+len(i) > 0; {
				o = some(t, rnd, o, most, tr.Output)
				e = some(t, rnd, e, 7, tr.Stderr)
				if h.Kind != "pty" {
					i = some(t, rnd, i, 7, tr.Input)
				} else {
					i = nil
				}
				if rnd.IntN(50) == 0 {
					time.Sleep(time.Duration(rnd.IntN(700)) * time.Millisecond)
				}
			}
			closed(t, rec)
			evs := r.played(t, w.ID)
			if got := stream(evs, CodeOutput); !bytes.Equal(got, o) {
				t.Errorf("%+v: output: got %d bytes, want %d", h, len(got), len(o))
			}
			if got := stream(evs, CodeStderr); !bytes.Equal(got, e) {
				t.Errorf("%+v: stderr: got %d bytes, want %d", h, len(got), len(e))
			}
			if got := stream(evs, CodeInput); h.Kind != "pty" && (h.Input || h.Kind != "exec") && !bytes.Equal(got, i) {
				t.Errorf("%+v: input: got %d bytes, want %d", h, len(got), len(i))
			}
		})
	}
}

func some(t *testing.T, rnd *rand.Rand, p []byte, most int, take func([]byte) error) []byte {
	n := min(len(p), rnd.IntN(most+1))
	if n > 0 {
		must(t, take(p[:n]))
	}
	return p[n:]
}

func TestEightHoursComeBack(t *testing.T) {
	for _, want := range []Header{{Kind: "pty", Cols: 80, Rows: 24}, {Kind: "pty", Cols: 80, Rows: 24, Redact: redactAll}} {
		r := newRig(t)
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(3, 3))
			var all []byte
			var last time.Duration
			w, rec, tr := r.begin(t, want)
			began := time.Now()
			for time.Since(began) < 8*time.Hour {
				p := chance(rnd, 1+rnd.IntN(4000))
				all, last = append(all, p...), time.Since(began)
				must(t, tr.Output(p))
				time.Sleep(time.Duration(rnd.IntN(60000)) * time.Millisecond)
			}
			closed(t, rec)
			evs := r.played(t, w.ID)
			if got := stream(evs, CodeOutput); !bytes.Equal(got, all) {
				t.Errorf("got %d bytes, want %d", len(got), len(all))
			}
			inOrder(t, evs)
			if at := evs[len(evs)-1].At; at < last.Truncate(time.Millisecond) || at > last+time.Second {
				t.Errorf("the last came at %v, want %v", at, last)
			}
		})
	}
}

func inOrder(t *testing.T, evs []Event) {
	t.Helper()
	var at time.Duration
	for _, ev := range evs {
		if ev.At < at {
			t.Fatalf("%v comes after %v", ev.At, at)
		}
		at = ev.At
	}
}

// A clock that somebody sets, there and back, makes no time of a recording go back or fail.
func TestTimesNeverGoBack(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, Header{Kind: "pty"})
	real := rec.now
	var step time.Duration
	rec.mu.Lock()
	rec.now = func() time.Time { return real().Round(0).Add(step) } // without the monotonic clock
	rec.mu.Unlock()
	for n, by := range []time.Duration{0, time.Hour, -2 * time.Hour, 0, 30 * time.Hour, -30 * time.Hour} {
		rec.mu.Lock()
		step = by
		rec.mu.Unlock()
		must(t, tr.Output([]byte{byte('a' + n)}))
		<-time.After(10 * time.Millisecond)
	}
	closed(t, rec)
	evs := r.played(t, w.ID)
	if got := string(stream(evs, CodeOutput)); got != "abcdef" {
		t.Errorf("got %q", got)
	}
	inOrder(t, evs)
}

func TestWhatIsRedactedIsNowhere(t *testing.T) {
	for _, h := range []Header{{Kind: "pty", Redact: redactAll}, {Kind: "exec", Redact: redactAll, Input: true}, {Kind: "exec", Redact: redactAll, Input: true, Strict: true}} {
		r := newRig(t)
		h.Command = "psql postgres://ane:hunter2@db/x"
		h.Env = map[string]string{"PGPASSWORD": "hunter2", "LANG": "da"}
		synctest.Test(t, func(t *testing.T) {
			w, rec, tr := r.begin(t, h)
			for _, s := range []string{"a PGPASSWORD=hun", "ter2 b ", "0101", "90-1234", "\n", "5500 0000 0000", " 0004"} {
				must(t, tr.Output([]byte(s)))
				if !h.Strict {
					must(t, tr.Stderr([]byte(s)))
					must(t, tr.Input([]byte(s)))
				}
				time.Sleep(50 * time.Millisecond)
			}
			must(t, tr.Output([]byte(" done")))
			closed(t, rec)
			p, err := Open(r.folder(t, w.ID), r.id)
			must(t, err)
			evs := events(t, p, p.Tracks()[0].Name)
			for _, code := range []string{CodeOutput, CodeStderr, CodeInput} {
				got := string(stream(evs, code))
				if h.Strict && code == CodeOutput {
					if bytes.Contains([]byte(got), []byte("ter2")) {
						t.Errorf("strict: got %q", got)
					}
					continue
				}
				if want := "a PGPASSWORD=‹redacted:password› b ‹redacted:cpr›\n‹redacted:card›"; got != "" && got != want && got != want+" done" {
					t.Errorf("%s: got %q", code, got)
				}
			}
			for _, ev := range evs {
				if ev.Code == CodeCut && bytes.Contains(ev.Data, []byte("sha256")) {
					t.Errorf("a hash of what was taken out: %s", ev.Data)
				}
			}
			got := p.Tracks()[0].Header
			if got.Command != "psql postgres://ane:‹redacted:password›@db/x" || got.Env["PGPASSWORD"] != "‹redacted:password›" || got.Env["LANG"] != "da" {
				t.Errorf("got header %+v", got)
			}
		})
	}
}

func TestWhatIsHeldBackIsSoonWritten(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		w, rec, tr := r.begin(t, Header{Kind: "pty", Redact: redactAll})
		began := time.Now()
		for n := 0; time.Since(began) < 5*time.Second; n++ { // slow digits: the beginning of a number, for ever
			must(t, tr.Output([]byte("1234 "[n%5:n%5+1])))
			time.Sleep(150 * time.Millisecond)
			p, err := r.Play(w.ID, r.id)
			must(t, err)
			if got := len(stream(events(t, p, "pty0"), CodeOutput)); time.Duration(n-got)*150*time.Millisecond > time.Second {
				t.Fatalf("after %d bytes %d are on disk", n+1, got)
			}
		}
		closed(t, rec)
	})
}

func TestObjectsAreRedacted(t *testing.T) {
	r := newRig(t)
	w, rec, tr := r.begin(t, Header{Kind: "http", Redact: redactAll})
	must(t, tr.Object(map[string]any{
		"url": "https://u:pw@h/x?password=a&b=c", "Authorization": "Bearer x", "headers": map[string]any{"set-cookie": []string{"a=b"}, "Accept": "*/*"},
		"body": []any{"cpr 010190-1234", 12345678901, true, nil}, "n": 101901234, "password": "", "0101901234": 1, "0101901235": 2,
	}))
	closed(t, rec)
	const want = `{"Authorization":"‹redacted:header›","body":["cpr ‹redacted:cpr›",12345678901,true,null],` +
		`"headers":{"Accept":"*/*","set-cookie":"‹redacted:header›"},"n":101901234,"password":"",` +
		`"url":"https://u:‹redacted:password›@h/x?password=‹redacted:password›\u0026b=c","‹redacted:cpr›":1,"‹redacted:cpr›′":2}`
	if evs := r.played(t, w.ID); string(evs[0].Data) != want {
		t.Errorf("got %s", evs[0].Data)
	}
}
