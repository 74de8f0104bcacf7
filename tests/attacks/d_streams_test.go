package attacks

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"lockbox/policy"
	"lockbox/tests/door"
)

// A framer speaks HTTP/2 by hand.
type framer struct {
	*http2.Framer
	*tls.Conn
	head bytes.Buffer
	enc  *hpack.Encoder
}

// h2 is a connection of HTTP/2 on which nothing is asked yet; what comes back is not looked at.
func h2(t *testing.T, w *door.Web) *framer {
	t.Helper()
	c, err := tls.Dial("tcp", w.Addr, w.TLS("h2"))
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = io.WriteString(c, http2.ClientPreface)
	must(t, err)
	f := &framer{Framer: http2.NewFramer(c, c), Conn: c}
	f.enc = hpack.NewEncoder(&f.head)
	must(t, f.WriteSettings())
	return f
}

// fields encodes the head of a GET.
func (f *framer) fields(host, cookie string) []byte {
	f.head.Reset()
	for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", host}, {":path", "/"}, {"cookie", cookie}} {
		_ = f.enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // to memory
	}
	return f.head.Bytes()
}

// D31: who opens streams and takes them back at once, or floods the connection
// with frames that mean nothing, has the application asked no more than a
// bounded number of times at once, loses the connection where it goes too far,
// and stops nobody else.
func TestD31FloodsOfFramesStopNobody(t *testing.T) {
	var now, most atomic.Int64
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if r.Header.Get("X-Calm") == "" {
			select {
			case <-r.Context().Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}))
	t.Cleanup(app.Close)
	s := newStageAt(t, app.Listener.Addr().String(), policy.HTTPGet)
	const frames = 20_000
	for name, flood := range map[string]func(f *framer, i int) error{
		"rapid reset": func(f *framer, i int) error {
			id := uint32(2*i + 1)
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.fields(s.Host, s.cookie), EndStream: true, EndHeaders: true}); err != nil {
				return err
			}
			return f.WriteRSTStream(id, http2.ErrCodeCancel)
		},
		"endless heads": func(f *framer, i int) error {
			if i == 0 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.fields(s.Host, s.cookie)})
			}
			f.head.Reset()
			_ = f.enc.WriteField(hpack.HeaderField{Name: "x-more", Value: strings.Repeat("y", 100), Sensitive: true}) // to memory
			return f.WriteContinuation(1, false, f.head.Bytes())
		},
		"settings": func(f *framer, _ int) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 16})
		},
		"pings":          func(f *framer, _ int) error { return f.WritePing(false, [8]byte{1}) },
		"empty data":     func(f *framer, _ int) error { return f.WriteData(1, false, nil) },
		"window updates": func(f *framer, _ int) error { return f.WriteWindowUpdate(0, 1) },
	} {
		var wg sync.WaitGroup
		for range 2 {
			f := h2(t, s.Web)
			wg.Go(func() {
				go func() { _, _ = io.Copy(io.Discard, f.Conn) }() // until it is closed
				for i := range frames {
					if flood(f, i) != nil {
						break // it was cut
					}
				}
				_ = f.Conn.Close()
			})
		}
		for range 10 {
			began := time.Now()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL("/"), nil)
			must(t, err)
			r.Header.Set("X-Calm", "yes")
			res, err := s.browser.Do(r)
			must(t, err)
			_ = res.Body.Close() // its status is what counts
			if took := time.Since(began); res.StatusCode != http.StatusOK || took > 5*time.Second {
				t.Errorf("%s: somebody else got %d after %s", name, res.StatusCode, took)
			}
		}
		wg.Wait()
	}
	if n := most.Load(); n > 256 {
		t.Errorf("the application was asked %d times at once", n)
	}
}

// D29: what memory is in use does not grow with what passes, nor with how many pass it.
func TestD29MemoryDoesNotGrowWithWhatPasses(t *testing.T) {
	const size, streams = 128 << 20, 64
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what is cut shows below
		_, _ = io.Copy(w, io.LimitReader(zeros{}, r.ContentLength))
	}))
	t.Cleanup(app.Close)
	w := door.NewWeb(t, app.Listener.Addr().String()) // alone: memory is that of the process
	b := w.In(t, w.Eng, true, policy.HTTPPut, "/")
	pass := func(n int64) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL("/"), io.LimitReader(zeros{}, n))
		must(t, err)
		r.ContentLength = n
		res, err := b.Do(r)
		must(t, err)
		got, err := io.Copy(io.Discard, res.Body)
		if err != nil || got != n {
			t.Errorf("got %d bytes back, %v", got, err)
		}
	}
	pass(1 << 20)
	for name, run := range map[string]func(){
		"one of 128 MiB": func() { pass(size) },
		"64 of 2 MiB at once": func() {
			var wg sync.WaitGroup
			for range streams {
				wg.Go(func() { pass(size / streams) })
			}
			wg.Wait()
		},
	} {
		before := live()
		done, most := make(chan struct{}), make(chan uint64)
		go func() {
			top := uint64(0)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					top = max(top, live())
				case <-done:
					most <- top
					return
				}
			}
		}()
		run()
		close(done)
		top := <-most
		t.Logf("%s: %d KiB before, %d KiB at most", name, before>>10, top>>10)
		if top > before+96<<20 { // of 256 there and back; half is this test's own, and what is not collected yet
			t.Errorf("%s: %d MiB more were in use", name, (top-before)>>20)
		}
	}
}

// live is the bytes of the heap, what is not collected yet included.
func live() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
