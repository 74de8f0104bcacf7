package witness

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	sizeType   = "text/x.tlog.size" // of the body of a 409, by C2SP tlog-witness
	mostAtOnce = 32                 // submissions that are looked at together
)

// Server answers add-checkpoint. What it could not do is reported; who asked is told no more than that.
func (w *Witness) Server(report func(error)) *http.Server {
	busy := make(chan struct{}, mostAtOnce)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", func(out http.ResponseWriter, r *http.Request) {
		select {
		case busy <- struct{}{}:
			defer func() { <-busy }()
			w.serve(out, r, report)
		default:
			answer(out, http.StatusServiceUnavailable, "", "too many at once; try again\n")
		}
	})
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second,
		IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

func (w *Witness) serve(out http.ResponseWriter, r *http.Request, report func(error)) {
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, maxSubmission))
	if long := (*http.MaxBytesError)(nil); errors.As(err, &long) {
		answer(out, http.StatusRequestEntityTooLarge, "", fmt.Sprintf("the body has more than %d bytes\n", maxSubmission))
		return
	}
	if err != nil {
		answer(out, http.StatusBadRequest, "", "the body did not arrive\n")
		return
	}
	s, err := parseSubmission(body)
	if err != nil {
		answer(out, http.StatusBadRequest, "", err.Error()+"\n")
		return
	}
	lines, err := w.add(s)
	no := (*Refusal)(nil)
	switch {
	case errors.As(err, &no) && no.Status == http.StatusConflict:
		answer(out, no.Status, sizeType, fmt.Sprintf("%d\n", no.Size))
	case errors.As(err, &no):
		answer(out, no.Status, "", no.Why+"\n")
	case err != nil:
		report(err)
		answer(out, http.StatusInternalServerError, "", "internal error; the witness's own log says more\n")
	default:
		answer(out, http.StatusOK, "", string(lines))
	}
}

// answer writes a whole answer; plain text where no type is given.
func answer(out http.ResponseWriter, status int, kind, body string) {
	if kind == "" {
		kind = "text/plain; charset=utf-8"
	}
	out.Header().Set("Content-Type", kind)
	out.Header().Set("X-Content-Type-Options", "nosniff")
	out.Header().Set("Cache-Control", "no-store")
	out.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	out.WriteHeader(status)
	_, _ = io.WriteString(out, body) // who asked may be gone
}
