package attacks

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// shared is a story of an access that reaches two customers, and of each alone.
func shared(t *testing.T, w *world.World) {
	ctx := t.Context()
	say := func(by *world.Human, code, thread, text string) {
		_, err := w.Desk.Say(ctx, by.Principal, code, thread, text)
		must(t, err)
	}
	code := w.Ask(t, w.Eng, "", time.Hour)
	say(w.Ann, code, "nord", "which rows?")
	say(w.Bo, code, "syd", "why now?")
	for _, h := range []*world.Human{w.Ceo, w.Ann, w.Bo} {
		must(t, w.Approve(t, h, code))
	}
	k := knock(w.Eng)
	k.Login, k.Customer = "deploy", ""
	v, _, err := w.Visit(t, w.Eng, k)
	must(t, err)
	_, err = w.Gateway.Look(ctx, w.Ceo.Principal, v.Session.ID, "spot check")
	must(t, err)
	must(t, w.Desk.Revoke(ctx, w.Bo.Principal, code, "bo of syd has had enough"))
	<-v.Context().Done()
	v.Leave()
	for customer, h := range map[string]*world.Human{"nord": w.Ann, "syd": w.Bo} {
		own := w.Ask(t, w.Mate, customer, time.Hour)
		must(t, w.Approve(t, w.Ceo, own))
		_, err := w.Desk.Reject(ctx, h.Principal, own, "not today, says "+h.Name)
		must(t, err)
		w.Pass(t, policy.Motion{Kind: policy.ToSet, Customer: customer, Notice: true, Text: "says " + h.ID}, h)
	}
	must(t, w.Gateway.NoteLook(ctx, "operator@localhost", v.Session.ID, "replay", "played"))
	must(t, w.Ledger.Beat(ctx))
}

func pages(t *testing.T, g ledger.Log) (all []ledger.Event) {
	t.Helper()
	for {
		page, err := g.After(t.Context(), int64(len(all))-1, 100)
		must(t, err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

func TestG01EveryEventThatNamesACustomerStandsInTheirLog(t *testing.T) {
	w := newWorld(t)
	shared(t, w)
	kinds := map[string][]string{}
	for _, e := range pages(t, w.Ledger.Main()) {
		if e.Kind == "log.head" {
			continue
		}
		for _, id := range []string{"nord", "syd"} {
			if slices.Contains(e.Subjects, id) && !slices.Contains(e.Customers, id) {
				t.Errorf("event %d, %s, names %s, and does not stand in their log", e.Seq, e.Kind, id)
			}
			if slices.Contains(e.Customers, id) {
				kinds[id] = append(kinds[id], e.Kind)
			}
		}
	}
	for id, want := range kinds {
		var got []string
		for _, e := range pages(t, w.Ledger.Of(id)) {
			got = append(got, e.Kind)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", id, got, want)
		}
		for _, kind := range []string{ // an access, from the question to the look at what was done
			"request.made", "request.remark", "statement.shown", "vote.approve", "grant.made", "touch.asked", "touch.shown", "touch.given",
			"session.open", "session.looked-at", "grant.revoked", "session.close", "founded", "vote.reject", "motion.made", "motion.answered", "motion.passed",
		} {
			if !slices.Contains(got, kind) {
				t.Errorf("%s: there is no %s in its log: %v", id, kind, got)
			}
		}
	}
	must(t, w.Ledger.Check(t.Context()))
}

func TestG01ACustomersLogNamesNoOther(t *testing.T) {
	w := newWorld(t)
	shared(t, w)
	for id, other := range map[string]*regexp.Regexp{
		"nord": regexp.MustCompile(`\b(syd|Syd|bo@syd\.x|had enough)\b|` + regexp.QuoteMeta(w.Bo.Fingerprint)),
		"syd":  regexp.MustCompile(`\b(nord|Nord|ann@nord\.x)\b|` + regexp.QuoteMeta(w.Ann.Fingerprint)),
	} {
		events, err := json.Marshal(pages(t, w.Ledger.Of(id)))
		must(t, err)
		for what, text := range map[string]string{"events": string(events), "leaves": leaves(t, w.Ledger.Of(id))} {
			if at := other.FindStringIndex(text); at != nil {
				t.Errorf("the %s of %s name another: …%s…", what, id, text[max(0, at[0]-300):min(len(text), at[1]+100)])
			}
		}
	}
}

// leaves are the entries of a log as it is exported.
func leaves(t *testing.T, g ledger.Log) string {
	t.Helper()
	var out, all bytes.Buffer
	must(t, g.Export(t.Context(), &out))
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all.String()
		}
		must(t, err)
		if strings.HasPrefix(h.Name, "tile/entries/") {
			_, err = all.ReadFrom(r)
			must(t, err)
		}
	}
}
