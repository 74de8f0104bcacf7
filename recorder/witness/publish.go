package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"lockbox/recorder/proof"
)

// Public serves, to everybody, what a witness needs that looks by itself:
// GET /checkpoint, GET /growth?old=N (as the body of add-checkpoint) and POST
// /cosignature. Nothing in it is personal. It keeps one source from asking more
// than a few times a second. From is where a request comes from; nil: the
// address of the connection.
func (a *Asker) Public(from func(*http.Request) netip.Addr) http.Handler {
	if from == nil {
		from = peerAddr
	}
	mux := http.NewServeMux()
	few := &few{seen: map[netip.Prefix]int{}}
	for path, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /checkpoint": a.serveCheckpoint, "GET /growth": a.serveGrowth, "POST /cosignature": a.serveCosignature,
	} {
		mux.HandleFunc(path, func(out http.ResponseWriter, r *http.Request) {
			if !few.pass(from(r), time.Now()) {
				answer(out, http.StatusTooManyRequests, "", "too many requests; try again in a second\n")
				return
			}
			err := serve(out, r)
			no := (*Refusal)(nil)
			switch {
			case err == nil, r.Context().Err() != nil:
			case errors.As(err, &no) && no.Status == http.StatusConflict:
				answer(out, no.Status, sizeType, fmt.Sprintf("%d\n", no.Size))
			case errors.As(err, &no):
				answer(out, no.Status, "", no.Why+"\n")
			default:
				a.Report(fmt.Errorf("serve %s: %w", r.URL.Path, err))
				answer(out, http.StatusInternalServerError, "", "internal error\n")
			}
		})
	}
	return mux
}

func (a *Asker) newest(ctx context.Context) (proof.Checkpoint, error) {
	b, err := a.Log.Checkpoint(ctx)
	if err != nil {
		return proof.Checkpoint{}, err
	}
	return proof.Peek(b)
}

func (a *Asker) serveCheckpoint(out http.ResponseWriter, r *http.Request) error {
	c, err := a.newest(r.Context())
	if err == nil {
		answer(out, http.StatusOK, "", string(c.Note))
	}
	return err
}

func (a *Asker) serveGrowth(out http.ResponseWriter, r *http.Request) error {
	text := r.URL.Query().Get("old")
	old, err := strconv.ParseInt(text, 10, 64)
	if err != nil || old < 0 || strconv.FormatInt(old, 10) != text {
		return refuse(http.StatusBadRequest, "old is a number of entries, as in /growth?old=0")
	}
	c, err := a.newest(r.Context())
	if err != nil {
		return err
	}
	if old > c.N {
		return &Refusal{Status: http.StatusConflict, Size: c.N}
	}
	g, b, err := a.Log.Growth(r.Context(), old)
	if err == nil {
		answer(out, http.StatusOK, "", string(submission{g, b}.bytes()))
	}
	return err
}

func (a *Asker) serveCosignature(out http.ResponseWriter, r *http.Request) error {
	b, err := io.ReadAll(http.MaxBytesReader(out, r.Body, maxAnswer))
	if err != nil {
		return refuse(http.StatusBadRequest, "the body did not arrive, or has more than %d bytes", maxAnswer)
	}
	switch err := a.Add(r.Context(), b); {
	case errors.Is(err, ErrUnknown):
		return refuse(http.StatusForbidden, "%v", ErrUnknown)
	case errors.Is(err, ErrAhead):
		a.Report(err) // a log that was set back, by the word of a witness
		return refuse(http.StatusConflict, "%v", ErrAhead)
	case errors.Is(err, ErrForked):
		a.Report(err)
		return refuse(http.StatusConflict, "%v", ErrForked)
	case err != nil:
		return err
	}
	answer(out, http.StatusOK, "", "thank you\n")
	return nil
}

func peerAddr(r *http.Request) netip.Addr {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	at, _ := netip.ParseAddr(host) // what has no address shares one limit
	return at
}

// A few counts the requests of each source in the current second.
type few struct {
	mu   sync.Mutex
	at   int64
	seen map[netip.Prefix]int
}

const (
	perSecond   = 20
	mostSources = 4096 // in one second; more are refused
)

func (f *few) pass(from netip.Addr, now time.Time) bool {
	bits := 64 // who has one address of a network has all
	if from = from.Unmap().WithZone(""); from.Is4() {
		bits = 32
	}
	source, _ := from.Prefix(bits) // the zero Prefix for no address
	f.mu.Lock()
	defer f.mu.Unlock()
	if at := now.Unix(); at != f.at {
		f.at = at
		clear(f.seen)
	}
	if f.seen[source] == 0 && len(f.seen) >= mostSources {
		return false
	}
	f.seen[source]++
	return f.seen[source] <= perSecond
}
