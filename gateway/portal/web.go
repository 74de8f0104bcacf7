package portal

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lockbox/recorder"
)

// webFacts are the requests of a track of HTTP: a page of them, and one in full.
type webFacts struct {
	Base string // address of the track
	Find string
	List []webLine
	All  int    // that were found
	From int    // the first of List among them, from 1
	More string // address of those that follow; "" at the end
	One  *webOne
}

// A webLine is one request, as a line and as a bar on the time of its page.
type webLine struct {
	N       uint64
	To      string // the page with it in full
	At      time.Duration
	Method  string
	What    string // path and query
	Status  int    // 0: no answer
	Socket  bool
	Over    bool
	Outcome string
	Took    float64 // ms; of one that is not over 0
	Wait    float64 // of them until the head of the answer
	Out     int64
	Bar     webBar
}

// A webBar is drawn on 1000 units: waiting, then receiving.
type webBar struct{ X, Wait, Rest int }

// Then is where receiving begins.
func (b webBar) Then() int { return b.X + b.Wait }

// Clock is when it began, as people read it.
func (l webLine) Clock() string { return showMoment(l.At) }

// Long is how long it took, as people read it.
func (l webLine) Long() string { return milliseconds(l.Took) }

// Bad says whether it failed, or was refused.
func (l webLine) Bad() bool { return l.Status >= 400 || l.Status == 0 && l.Over }

// Failed is why, where it was neither done nor answered in full.
func (l webLine) Failed() string {
	if l.Outcome == "done" {
		return ""
	}
	return l.Outcome
}

// milliseconds are so many ms in words.
func milliseconds(ms float64) string {
	switch {
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 1000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case ms < 60_000:
		return strconv.FormatFloat(ms/1000, 'f', 2, 64) + " s"
	}
	return showMoment(time.Duration(ms) * time.Millisecond)
}

// Bounds of a page about HTTP.
const (
	mostWeb    = 100       // requests of one page
	webHeld    = 100_000   // requests that are counted
	mostPieces = 200       // messages of a WebSocket of one page
	mostShown  = 128 << 10 // bytes of a body
)

// fillWeb lists requests from the ?n=th on that ?q= finds, and ?x= in full.
func (f *trackFacts) fillWeb(x *exchange, play *recorder.Playback) (err error) {
	q := x.r.URL.Query()
	w := &webFacts{Base: f.Path + "?track=" + f.Name, Find: strings.TrimSpace(q.Get("q"))}
	if len(w.Find) > 200 {
		return errTooLong
	}
	skip, err := number(q.Get("n"))
	if err != nil {
		return err
	}
	one, err := number(q.Get("x"))
	if err != nil {
		return err
	}
	if err := w.list(x.r.Context(), play, f.Name, skip); err != nil {
		return err
	}
	if one > 0 {
		from, err := number(q.Get("f"))
		if err != nil {
			return err
		}
		if w.One, err = w.one(x.r.Context(), play, f.Name, uint64(one), from); err != nil {
			return err
		}
	}
	f.Web = w
	return nil
}

// number reads a number of an address; none is 0.
func number(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, errNoPage
	}
	return n, nil
}

// list reads the requests of a track.
func (w *webFacts) list(ctx context.Context, play *recorder.Playback, track string, skip int) error {
	var r recorder.HTTPReader
	words := strings.Fields(strings.ToLower(w.Find))
	var all []*recorder.Exchange
	for ev, err := range play.Events(track) {
		if err != nil {
			return fmt.Errorf("read track %s: %w", track, err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("read track %s: %w", track, context.Cause(ctx))
		}
		x, o, is := r.Read(ev)
		if !is || x.Request == nil {
			continue
		}
		if o.Request != nil && len(all) < webHeld {
			all = append(all, x)
		}
		slim(x)
	}
	for _, x := range all {
		l := lineOf(x)
		if !l.has(words) {
			continue
		}
		if w.All++; w.All <= skip || len(w.List) == mostWeb {
			continue
		}
		l.To = w.at(skip) + "&x=" + strconv.FormatUint(l.N, 10) + "#one"
		w.List = append(w.List, l)
	}
	w.From = skip + 1
	if w.All > skip+len(w.List) {
		w.More = w.at(skip + mostWeb)
	}
	draw(w.List)
	return nil
}

// slim forgets what no line has: there may be many.
func slim(x *recorder.Exchange) {
	x.Request.Header, x.Trailer = nil, nil
	if x.Response != nil {
		x.Response.Header = nil
	}
}

// at is the page that begins with the nth.
func (w *webFacts) at(n int) string {
	to := w.Base
	if w.Find != "" {
		to += "&q=" + url.QueryEscape(w.Find)
	}
	if n > 0 {
		to += "&n=" + strconv.Itoa(n)
	}
	return to
}

func lineOf(x *recorder.Exchange) webLine {
	l := webLine{
		N: x.N, At: x.At, Method: visible(x.Request.Method), What: visible(x.Request.URL), Socket: x.Socket(), Over: x.Over, Outcome: visible(x.Outcome), Took: x.Milli, Out: x.Out.Bytes,
	}
	if x.Response != nil {
		l.Status, l.Wait = x.Response.Status, x.Response.Head
	}
	return l
}

// has says whether a line has all the words; "5xx" is a kind of status.
func (l webLine) has(words []string) bool {
	all := strings.ToLower(strings.Join([]string{l.Method, l.What, strconv.Itoa(l.Status), l.Outcome}, "\x00"))
	for _, w := range words {
		kind := len(w) == 3 && strings.HasSuffix(w, "xx") && strconv.Itoa(l.Status/100) == w[:1]
		if !kind && !strings.Contains(all, w) && (w != "websocket" || !l.Socket) {
			return false
		}
	}
	return true
}

// draw places the bars of a page on the time from its first request to the end of
// its last; what goes on for long, as a WebSocket, may end beyond.
func draw(list []webLine) {
	if len(list) == 0 {
		return
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	first, last := ms(list[0].At), ms(list[0].At)
	for _, l := range list {
		first, last = min(first, ms(l.At)), max(last, ms(l.At)+1)
		if !l.Socket {
			last = max(last, ms(l.At)+l.Took)
		}
	}
	unit := func(v float64) int { return int(max(0, min(1, v/(last-first))) * 1000) }
	for i := range list {
		l := &list[i]
		took := l.Took
		if !l.Over {
			took = last
		}
		b := webBar{X: min(unit(ms(l.At)-first), 996)}
		end := max(b.X+4, unit(ms(l.At)-first+took))
		b.Wait = max(0, min(end, unit(ms(l.At)-first+l.Wait))-b.X)
		b.Rest = end - b.X - b.Wait
		l.Bar = b
	}
}
