package approvals

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"

	"lockbox/recorder/ledger"
)

// A Digest is what happened in one week, for the executives. It names requests
// and sessions by their codes and nobody: who and why is looked up when it is
// read, by who may see it then, so that nothing outlives an erasure. It is kept
// byte for byte as it was made: executives sign that they have read it.
type Digest struct {
	Format string    `json:"format"` // "lockbox-digest/v1"
	Week   string    `json:"week"`   // "2026-W47", by ISO 8601
	From   time.Time `json:"from"`   // Monday, midnight of the zone that is configured
	To     time.Time `json:"to"`     // the next one

	Asked     int `json:"asked"` // requests made; the others are what was decided, whenever it was asked
	Approved  int `json:"approved"`
	Declined  int `json:"declined"`
	Expired   int `json:"expired"`
	Withdrawn int `json:"withdrawn"`

	Done       []Done   `json:"done,omitempty"`
	Broken     []string `json:"broken,omitempty"`     // codes of emergencies
	Locked     []string `json:"locked,omitempty"`     // codes of emergencies, of whatever week, that lock person and target
	Unread     []string `json:"unread,omitempty"`     // sessions that ended, and nobody has watched
	Unreviewed []string `json:"unreviewed,omitempty"` // weeks of which fewer than two executives signed, though their digest is a week old
}

// Done is what was done under one request, as far as the gateway can tell: what
// is typed into a terminal is in its recording.
type Done struct {
	Code      string        `json:"code"`
	Sessions  []string      `json:"sessions"`
	Long      time.Duration `json:"long"`           // all of them together
	Terminals int           `json:"terminals"`      //
	Commands  int           `json:"commands"`       // run without a terminal
	Databases int           `json:"databases"`      // connections whose queries were read
	Requests  int           `json:"requests"`       // to applications
	Files     int           `json:"files"`          // taken, brought or changed
	Moved     int64         `json:"moved"`          // bytes of them
	Recorded  int64         `json:"recorded"`       // bytes of the recordings
	Open      int           `json:"open,omitempty"` // sessions that last
}

const (
	digestV1    = "lockbox-digest/v1"
	digestEvent = "digest.made"
	digestsBack = 8                  // weeks that are made up for after a standstill
	digestAt    = 7 * time.Hour      // of Monday
	readIn      = 6 * 24 * time.Hour // then it is told: a week, but for how late it was made
	// Reviewers is how many executives are to read a digest.
	Reviewers = 2
)

func digestKey(week string) string { return "digest/" + week }

// A weekly is a digest as it is kept.
type weekly struct {
	Body []byte    `json:"body"`
	Made time.Time `json:"made"`
}

func (w weekly) sha256() string {
	h := sha256.Sum256(w.Body)
	return hex.EncodeToString(h[:])
}

// weekOf is the week that an instant lies in, and where it begins.
func weekOf(at time.Time) (name string, from time.Time) {
	y, n := at.ISOWeek()
	back := (int(at.Weekday()) + 6) % 7
	return fmt.Sprintf("%d-W%02d", y, n), time.Date(at.Year(), at.Month(), at.Day()-back, 0, 0, 0, 0, at.Location())
}

// ValidWeek says whether a week is written as "2026-W47", and could be.
func ValidWeek(s string) bool {
	if len(s) != 8 || s[4:6] != "-W" {
		return false
	}
	y, err1 := strconv.ParseUint(s[:4], 10, 16)
	n, err2 := strconv.ParseUint(s[6:], 10, 8)
	_, most := time.Date(int(y), 12, 28, 0, 0, 0, 0, time.UTC).ISOWeek() // which is of the last
	return err1 == nil && err2 == nil && y > 0 && n > 0 && int(n) <= most
}

// Digests makes the digest of the last week, from Monday morning on, and those
// that a standstill left out. It is asked again and again.
func (d *Desk) Digests(ctx context.Context, zone *time.Location, sessions Sessions) error {
	var due []time.Time
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		due = nil
		_, monday := weekOf(tx.Now().In(zone).Add(-digestAt))
		for range digestsBack {
			monday = monday.AddDate(0, 0, -7)
			week, _ := weekOf(monday)
			if ok, err := tx.Get(digestKey(week), &weekly{}); err != nil || ok {
				return err
			}
			due = append(due, monday)
		}
		return nil
	})
	if err != nil || len(due) == 0 {
		return err
	}
	first, err := d.Ledger.After(ctx, -1, 1)
	if err != nil || len(first) == 0 {
		return err
	}
	for _, monday := range slices.Backward(due) {
		if to := monday.AddDate(0, 0, 7); first[0].At.Before(to) {
			if err := d.makeDigest(ctx, monday, to, sessions); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) makeDigest(ctx context.Context, from, to time.Time, sessions Sessions) error {
	week, _ := weekOf(from)
	g := Digest{Format: digestV1, Week: week, From: from.UTC(), To: to.UTC()}
	t, err := d.happened(ctx, &g)
	if err != nil {
		return fmt.Errorf("read what happened in %s: %w", week, err)
	}
	return d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		if ok, err := tx.Get(digestKey(week), &weekly{}); err != nil || ok {
			return err
		}
		if err := d.standing(tx, &g, t, sessions); err != nil {
			return err
		}
		body, err := json.Marshal(g)
		if err != nil {
			return err
		}
		w := weekly{body, tx.Now()}
		if err := tx.Put(digestKey(week), w); err != nil {
			return err
		}
		_, err = tx.Append(ledger.Event{Kind: digestEvent, Actor: "lockbox", Subjects: []string{week}, Detail: map[string]string{"digest-sha256": w.sha256()}})
		return err
	})
}

// A weekTale is what its events leave to be looked up.
type weekTale struct {
	under map[string]bool     // requests under which sessions began
	ended map[string]closed   // sessions
	seen  map[string][]string // who watched a session, until now
}

type closed struct {
	bytes, requests int64
	of              string // whose it was
}

// unread says whether nobody watched a session but who was in it.
func (t weekTale) unread(id string) bool {
	return !slices.ContainsFunc(t.seen[id], func(who string) bool { return who != t.ended[id].of })
}

// happened reads the log from the week's beginning to its own end.
func (d *Desk) happened(ctx context.Context, g *Digest) (t weekTale, err error) {
	t = weekTale{map[string]bool{}, map[string]closed{}, map[string][]string{}}
	at, err := d.firstAt(ctx, g.From)
	for err == nil {
		var events []ledger.Event
		if events, err = d.Ledger.After(ctx, at-1, 1000); len(events) == 0 {
			break
		}
		for _, e := range events {
			g.hears(e, &t)
			at = e.Seq + 1
		}
	}
	return t, err
}

// firstAt is the first event that is not before an instant.
func (d *Desk) firstAt(ctx context.Context, from time.Time) (int64, error) {
	var err error
	n := sort.Search(int(d.Ledger.Last()+1), func(seq int) bool {
		page, e := d.Ledger.After(ctx, int64(seq)-1, 1)
		if err = errors.Join(err, e); len(page) == 0 {
			return true
		}
		return !page[0].At.Before(from)
	})
	return int64(n), err
}

func (g *Digest) hears(e ledger.Event, t *weekTale) {
	if len(e.Subjects) == 0 {
		return
	}
	about := e.Subjects[0]
	if e.Kind == "session.looked-at" || e.Kind == "session.watched" || e.Kind == "session.reviewed" {
		t.seen[about] = append(t.seen[about], e.Actor)
	}
	if e.At.Before(g.From) || !e.At.Before(g.To) {
		return
	}
	switch e.Kind {
	case "request.made":
		g.Asked++
	case "grant.made":
		g.Approved++
	case "request.rejected":
		g.Declined++
	case "request.expired":
		g.Expired++
	case "request.withdrawn", "request.void":
		g.Withdrawn++
	case "glass.broken":
		g.Broken = append(g.Broken, about)
	case "session.open":
		if len(e.Subjects) > 1 {
			t.under[e.Subjects[1]] = true
		}
	case "session.close":
		number := func(key string) int64 { n, _ := strconv.ParseInt(e.Detail[key], 10, 64); return n } // 0 where there is none
		t.ended[about] = closed{number("bytes"), number("requests"), e.Actor}
	}
}

// standing adds what is looked up in the state.
func (d *Desk) standing(tx *ledger.Tx, g *Digest, t weekTale, sessions Sessions) error {
	for _, code := range sortedKeys(t.under) {
		held, err := sessions(tx, code)
		if err != nil {
			return err
		}
		if done := doneUnder(code, held, g, t); len(done.Sessions) > 0 {
			g.Done = append(g.Done, done)
		}
	}
	for _, id := range sortedKeys(t.ended) {
		if t.unread(id) {
			g.Unread = append(g.Unread, id)
		}
	}
	open, err := d.Incidents(tx)
	for _, i := range open {
		if !tx.Now().Before(i.Due()) {
			g.Locked = append(g.Locked, i.Request)
		}
	}
	if err != nil || d.Charter == nil {
		return err
	}
	return tx.Scan(digestKey(""), func(key string, raw json.RawMessage) (bool, error) {
		var w weekly
		if err := json.Unmarshal(raw, &w); err != nil {
			return false, err
		}
		week := key[len(digestKey("")):]
		if old := tx.Now().Sub(w.Made); week >= g.Week || old < readIn || old > digestsBack*7*24*time.Hour {
			return true, nil
		}
		done, err := d.Charter.Reviews(tx, week, w.sha256())
		if err == nil && len(done) < Reviewers {
			g.Unreviewed = append(g.Unreviewed, week)
		}
		return true, err
	})
}

// doneUnder adds up the sessions of the week under one request.
func doneUnder(code string, held []Held, g *Digest, t weekTale) Done {
	done := Done{Code: code}
	for _, h := range held {
		s := h.Session
		if s.Began.Before(g.From) || !s.Began.Before(g.To) {
			continue
		}
		done.Sessions = append(done.Sessions, s.ID)
		if s.Ended.IsZero() {
			done.Open++
			continue
		}
		done.Long += s.Ended.Sub(s.Began)
		done.Recorded += t.ended[s.ID].bytes
		done.Requests += int(t.ended[s.ID].requests)
		if h.Deeds != nil {
			done.add(h.Deeds)
		}
	}
	return done
}

func (d *Done) add(deeds *Deeds) {
	for _, x := range deeds.All {
		switch {
		case x.File != nil:
			d.Files++
			d.Moved += x.File.Bytes
		case x.Kind == "pty":
			d.Terminals++
		case x.Kind == "exec":
			d.Commands++
		case x.Kind == "sql":
			d.Databases++
		}
	}
}
