package portal

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
	weblog "lockbox/recorder/requests"
)

// A requestsPage is a part of the request log of the HTTP door, newest first.
type requestsPage struct {
	Find   string
	List   []requestRow
	First  bool
	Newest string
	Older  string    // address of what came before; "": there is nothing more
	Back   time.Time // of the last that was found
}

type requestRow struct{ weblog.Line }

// Long is how long it took, as people read it.
func (r requestRow) Long() string { return milliseconds(r.Milli) }

// When is its time to the ms, as other logs have it.
func (r requestRow) When() string { return r.At.UTC().Format("2006-01-02 15:04:05.000 UTC") }

// Bad says whether it failed, or was refused.
func (r requestRow) Bad() bool { return r.Status >= 400 || r.Status == 0 }

// lookEvery is how often it is written down that somebody reads the request log.
const lookEvery = 15 * time.Minute

// requests shows /requests to those who run the gateway. That they look is
// written down first.
func (p *Portal) requests(x *exchange) error {
	if !x.readsRequests() {
		return errNoPage
	}
	q := x.r.URL.Query()
	page := requestsPage{Find: strings.TrimSpace(q.Get("q")), First: q.Get("from") == "", Newest: "/requests"}
	if len(page.Find) > 200 {
		return errTooLong
	}
	if err := p.noteReader(x.r.Context(), x.who.ID); err != nil {
		return err
	}
	found, err := p.Requests.Search(x.r.Context(), weblog.Query{Words: strings.Fields(page.Find), From: q.Get("from")})
	if errors.Is(err, weblog.ErrPlace) {
		return errNoPage
	}
	if err != nil {
		return err
	}
	for _, l := range found.Lines {
		l.Target, l.Path, l.Method, l.Who, l.Outcome = visible(l.Target), visible(l.Path), visible(l.Method), visible(l.Who), visible(l.Outcome)
		l.From, l.Code, l.ID = visible(l.From), visible(l.Code), visible(l.ID)
		page.List = append(page.List, requestRow{l})
	}
	page.Back = found.Back
	more := url.Values{}
	if page.Find != "" {
		more.Set("q", page.Find)
		page.Newest += "?" + more.Encode()
	}
	if found.Next != "" {
		more.Set("from", found.Next)
		page.Older = "/requests?" + more.Encode()
	}
	return x.show(ok, "requests", "Requests at the HTTP door", page)
}

// readsRequests says whether somebody may read the request log, where there is one.
func (x *exchange) readsRequests() bool {
	return x.p.Requests != nil && x.who.Kind == policy.Staff && x.operates()
}

// noteReader writes down that somebody reads the request log, once in a while.
func (p *Portal) noteReader(ctx context.Context, who string) error {
	if !p.readers.first(who, p.now()) {
		return nil
	}
	err := p.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "requests.looked-at", Actor: who})
		return err
	})
	if err != nil {
		p.readers.forget(who)
	}
	return err
}

// readers are those who were seen to read the request log.
type readers struct {
	mu   sync.Mutex // guards seen
	seen map[string]time.Time
}

// first says whether somebody was not seen for so long; they are now.
func (r *readers) first(who string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.seen[who]) < lookEvery {
		return false
	}
	if r.seen == nil || len(r.seen) > 1000 {
		r.seen = map[string]time.Time{}
	}
	r.seen[who] = now
	return true
}

func (r *readers) forget(who string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.seen, who)
}
