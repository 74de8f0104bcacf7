package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/recorder/proof"
)

const logRows = 50 // of one page

// A logPage shows the end of a log, or an earlier part, newest first.
type logPage struct {
	Path       string // "/log", "/c/log"
	Query      string // "?customer=nord" of who reads all; ""
	Origin     string
	Customer   string // name of whose it is; "" of the main log
	Size       int64
	Root       string
	Words      string // of the root, to be read out
	Cosigned   []proof.Cosigned
	Checkpoint string // as it was signed
	Rows       []logRow
	Older      string // address of the next page; "" at the end
	First      bool
	Mine       bool // a reviewer's: receipts and months are offered
	Grown      *grownPage
}

// A logRow is one entry of a log.
type logRow struct {
	Index int64
	At    time.Time
	Kind  string
	Text  string
	Code  string // of the request or motion
	To    string // its page
	Other string // subjects that are no code: targets, sessions
}

// A grownPage answers whether the log grew out of an older checkpoint.
type grownPage struct {
	Sent  string // what was pasted
	Wrong string
	Old   int64 // entries then
	Proof string
}

// log is the log that a page is about, for who may read it. A customer's is the
// reader's own, or that of ?customer= for those who read all.
func (x *exchange) log() (ledger.Log, string, error) {
	id := ""
	if strings.HasPrefix(x.r.URL.Path, "/c/") {
		id = x.r.URL.Query().Get("customer")
		if id == "" && x.who.Kind == policy.Reviewer {
			id = x.who.Customer
		}
		if id == "" {
			return ledger.Log{}, "", errNoPage
		}
	}
	d := x.p.Desk.Policy().Decide(policy.Question{Now: x.p.now(), Who: x.who.Principal, Do: policy.ReadLog, Customer: id})
	switch {
	case d.Verdict != policy.Allow:
		return ledger.Log{}, "", errNoPage
	case id == "":
		return x.p.Ledger.Main(), "", nil
	}
	return x.p.Ledger.Of(id), id, nil
}

// readLog shows /log and /c/log.
func (p *Portal) readLog(x *exchange) error {
	g, id, err := x.log()
	if err != nil {
		return err
	}
	return x.showLog(g, id, nil)
}

func (x *exchange) showLog(g ledger.Log, id string, grown *grownPage) error {
	checkpoint, err := g.Checkpoint(x.r.Context())
	if err != nil {
		return err
	}
	c, err := proof.Peek(checkpoint) // our own: Checkpoint verified it
	if err != nil {
		return err
	}
	l := logPage{
		Path: x.r.URL.Path, Query: x.customerQuery("?"), Origin: c.Origin, Size: c.N, Root: c.Hash.String(), Words: inWords(c.Hash[:]), Checkpoint: string(checkpoint),
		First: true, Mine: id != "", Grown: grown,
	}
	if id != "" {
		l.Customer = customerName(x.p.Desk.Policy(), id)
	}
	end := c.N
	if before := x.r.URL.Query().Get("before"); before != "" {
		if end, err = strconv.ParseInt(before, 10, 64); err != nil || end < 0 || end > c.N {
			return errNoPage
		}
		l.First = false
	}
	begin := max(0, end-logRows)
	events, err := g.After(x.r.Context(), begin-1, int(end-begin))
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(events) {
		l.Rows = append(l.Rows, x.logRow(e))
	}
	if begin > 0 {
		l.Older = fmt.Sprintf("%s?before=%d%s", l.Path, begin, x.customerQuery("&"))
	}
	return x.show(ok, "log", "The log", l)
}

// customerQuery keeps ?customer=, which log has let pass.
func (x *exchange) customerQuery(sep string) string {
	if id := x.r.URL.Query().Get("customer"); id != "" {
		return sep + "customer=" + url.QueryEscape(id)
	}
	return ""
}

func (x *exchange) logRow(e ledger.Event) logRow {
	r := logRow{Index: e.Seq, At: e.At, Kind: e.Kind, Text: x.say.event(e.Kind)}
	var other []string
	for _, s := range e.Subjects {
		switch {
		case r.Code == "" && approvals.ValidCode(s):
			r.Code = s
			r.To = "/r/" + s
			if strings.HasPrefix(e.Kind, "motion.") {
				r.To = "/m/" + s
			}
		case !slices.Contains(e.Customers, s):
			other = append(other, s)
		}
	}
	r.Other = strings.Join(other, " ")
	return r
}

// checkpointFile sends the log's newest checkpoint.
func (p *Portal) checkpointFile(x *exchange) error {
	g, _, err := x.log()
	if err != nil {
		return err
	}
	b, err := g.Checkpoint(x.r.Context())
	if err != nil {
		return err
	}
	x.file("text/plain; charset=utf-8", fileName(g.Origin(), "checkpoint"))
	_, _ = x.w.Write(b) // who does not read it has gone
	return nil
}

// wholeLog sends every entry of the log, without personal fields, as a tar of C2SP tiles.
func (p *Portal) wholeLog(x *exchange) error {
	g, _, err := x.log()
	if err != nil {
		return err
	}
	if _, err := g.Checkpoint(x.r.Context()); err != nil { // while it can be said
		return err
	}
	x.file("application/x-tar", fileName(g.Origin(), "tar"))
	return g.Export(x.r.Context(), patient(x.w))
}

// fileName is a name that every system takes.
func fileName(origin, kind string) string {
	return strings.ReplaceAll(origin, "/", "-") + "." + kind
}

// file begins the answer with a file to keep.
func (x *exchange) file(kind, name string) {
	x.sent = true
	x.w.Header().Set("Content-Type", kind)
	x.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	x.w.WriteHeader(http.StatusOK)
}

// grown answers, below the log, whether it grew out of an older checkpoint of it.
func (p *Portal) grown(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	g, id, err := x.log()
	if err != nil {
		return err
	}
	a := &grownPage{Sent: strings.ReplaceAll(strings.TrimLeft(x.r.PostForm.Get("old"), " \r\n"), "\r\n", "\n")}
	if a.Wrong, err = x.growth(g, a); err != nil {
		return err
	}
	return x.showLog(g, id, a)
}

// growth fills in the proof, or says why there is none.
func (x *exchange) growth(g ledger.Log, a *grownPage) (wrong string, err error) {
	old, err := proof.Peek([]byte(strings.TrimRight(a.Sent, "\n") + "\n"))
	if err != nil {
		return x.say.text("This is no checkpoint: paste all of it, from the name of the log to the last line that begins with a dash."), nil
	}
	b, err := g.Checkpoint(x.r.Context())
	if err != nil {
		return "", err
	}
	now, err := proof.Peek(b)
	if err != nil {
		return "", err
	}
	if old.Origin != now.Origin {
		return x.say.text("This is a checkpoint of another log."), nil
	}
	a.Old = old.N
	var growth proof.Growth
	if old.N <= now.N {
		if growth, b, err = g.Growth(x.r.Context(), old.N); err != nil {
			return "", err
		}
		if now, err = proof.Peek(b); err != nil {
			return "", err
		}
	}
	if growth.Holds(old, now) != nil {
		return x.say.text("The log does not lead on from this checkpoint. Either it was not ours, or the log was changed since: keep it, and ask for an explanation."), nil
	}
	file, err := proof.GrownFile(old.Note, b, growth)
	a.Proof = string(file)
	return "", err
}
