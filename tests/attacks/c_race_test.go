package attacks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/gateway/portal"
	"lockbox/policy"
	"lockbox/tests/world"
)

// A move is what somebody does to a request.
type move struct {
	name string
	do   func(t *testing.T, w *world.World, code string) error
}

func moves() []move {
	return []move{
		{"board yes", func(t *testing.T, w *world.World, c string) error { return w.Approve(t, w.Ceo, c) }},
		{"customer yes", func(t *testing.T, w *world.World, c string) error { return w.Approve(t, w.Ann, c) }},
		{"customer no", func(t *testing.T, w *world.World, c string) error {
			_, err := w.Desk.Reject(t.Context(), w.Ann.Principal, c, "no")
			return err
		}},
		{"withdraw", func(t *testing.T, w *world.World, c string) error {
			return w.Desk.Withdraw(t.Context(), w.Eng.Principal, c)
		}},
		{"revoke", func(t *testing.T, w *world.World, c string) error {
			return w.Desk.Revoke(t.Context(), w.Ceo.Principal, c, "stop")
		}},
	}
}

// A model is what the request should be after the moves so far.
type model struct{ board, customer, over bool }

// next says whether a move is legal, and makes it.
func (m *model) next(name string) bool {
	granted := m.board && m.customer
	legal := !m.over && map[string]bool{
		"board yes": !m.board, "customer yes": m.board && !granted, "customer no": m.board && !granted, "withdraw": !granted, "revoke": granted,
	}[name]
	if legal {
		m.board = m.board || name == "board yes"
		m.customer = m.customer || name == "customer yes"
		m.over = slices.Contains([]string{"customer no", "withdraw", "revoke"}, name)
	}
	return legal
}

// After every beginning, each move and each two moves: only what is legal
// succeeds, and the door is open exactly while both said yes and nobody said no since.
func TestC08OnlyLegalMovesSucceed(t *testing.T) {
	w := newWorld(t)
	for _, begin := range [][]int{{}, {0}, {0, 1}} {
		for i := range moves() {
			if slices.Contains(begin, i) {
				continue
			}
			play(t, w, append(slices.Clone(begin), i, 0, 1)) // and nobody's second yes revives it
			for j := range moves()[2:] {
				if j+2 != i && len(begin) == 2 {
					play(t, w, append(slices.Clone(begin), i, j+2))
				}
			}
		}
	}
}

func play(t *testing.T, w *world.World, order []int) {
	t.Helper()
	code, m, said := w.Ask(t, w.Eng, "nord", time.Hour), model{}, []string{}
	for _, i := range order {
		one := moves()[i]
		said = append(said, one.name)
		want := m.next(one.name)
		if err := one.do(t, w, code); (err == nil) != want {
			t.Errorf("%v: got %v, want success %v", said, err, want)
		}
		if got, want := lets(t, w.Gateway, knock(w.Eng)), m.board && m.customer && !m.over; got != want {
			t.Errorf("%v: let in is %v, want %v", said, got, want)
		}
	}
	_ = w.Desk.GiveBack(t.Context(), w.Eng.Principal, code) // where there is something to give back
	_ = w.Desk.Withdraw(t.Context(), w.Eng.Principal, code)
}

// together runs fn n times at once and counts those that gave no error.
func together(n int, fn func(i int) error) int {
	var ok atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			if fn(i) == nil {
				ok.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	return int(ok.Load())
}

func TestC30OneSignatureAtOnceCountsOnce(t *testing.T) {
	w := newWorld(t)
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	b, a := ballot(t, w, w.Ceo, code)
	got := together(16, func(int) error {
		_, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, a)
		return err
	})
	if got != 1 {
		t.Errorf("one ballot counted %d times", got)
	}
	v, err := w.Desk.See(t.Context(), w.Eng.Principal, code)
	must(t, err)
	if len(v.Request.Votes) != 1 {
		t.Errorf("there are %d votes", len(v.Request.Votes))
	}
}

func TestC30ManyBallotsOfOnePersonAtOnceCountOnce(t *testing.T) {
	w := newWorld(t)
	change(w, func(p *policy.Policy) { p.Rules[0].Stages[0].Count = 2 })
	code := w.Ask(t, w.Eng, "nord", time.Hour)
	var votes [8]func() error
	for i := range votes {
		b, a := ballot(t, w, w.Ceo, code)
		votes[i] = func() error { _, err := w.Desk.Approve(t.Context(), w.Ceo.Principal, b.Nonce, a); return err }
	}
	if got := together(len(votes), func(i int) error { return votes[i]() }); got != 1 {
		t.Errorf("one person counted %d times", got)
	}
}

func TestC30AYesAndANoAtOnceGiveNothing(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		code := w.Ask(t, w.Eng, "nord", time.Hour)
		must(t, w.Approve(t, w.Ceo, code))
		b, a := ballot(t, w, w.Ann, code)
		together(2, func(i int) error {
			if i == 0 {
				_, err := w.Desk.Approve(t.Context(), w.Ann.Principal, b.Nonce, a)
				return err
			}
			return w.Desk.Withdraw(t.Context(), w.Eng.Principal, code)
		})
		v, err := w.Desk.See(t.Context(), w.Eng.Principal, code)
		must(t, err)
		if (v.Grant != nil) == (v.Status.Phase == policy.Withdrawn) {
			t.Errorf("it is %s and its grant is %v", v.Status.Phase, v.Grant)
		}
		_ = w.Desk.GiveBack(t.Context(), w.Eng.Principal, code)
	}
}

func TestC30ManyAtOnceMakeNoMoreThanFiveRequests(t *testing.T) {
	w := newWorld(t)
	together(20, func(i int) error {
		_, err := w.Desk.Submit(t.Context(), w.Eng.Principal, application(time.Duration(i/2+1)*time.Minute))
		return err
	})
	mine, err := w.Desk.Mine(t.Context(), w.Eng.ID)
	must(t, err)
	if len(mine) != 5 {
		t.Errorf("%d requests are open, want 5", len(mine))
	}
}

func TestC31FollowingALinkChangesNothing(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	token, err := w.People.NewLink(t.Context(), "operator@localhost", invite("new@x.eu"))
	must(t, err)
	p := &portal.Portal{
		Gateway: w.Gateway, Desk: w.Desk, People: w.People, Ledger: w.Ledger, Shelf: w.Shelf, Vault: []age.Identity{w.Keys.Vault},
		URL: world.Party().Origins[0], Report: func(error) {}, Now: time.Now,
	}
	h, before := p.Server().Handler, w.Ledger.Last()
	for _, agent := range []string{"Slackbot-LinkExpanding 1.0", "Mozilla/5.0 (compatible; Microsoft Outlook)", "facebookexternalhit/1.1"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			for _, path := range []string{"/a/", "/c/", "/t/", "/r/", "/enroll/", "/s/"} {
				id := code
				if path == "/enroll/" {
					id = token
				}
				r := httptest.NewRequest(method, world.Party().Origins[0]+path+id, strings.NewReader(""))
				r.Header.Set("User-Agent", agent)
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		}
	}
	if got := w.Ledger.Last(); got != before {
		t.Errorf("the log grew by %d", got-before)
	}
	if _, err := w.People.Invited(t.Context(), token, identity.Meta{}); err != nil {
		t.Errorf("the invitation is used up: %v", err)
	}
}

// A trap is a recipient of recordings that does something when a recording is
// sealed to it: between the first question and the registration of a visit.
type trap struct {
	age.Recipient
	do func()
}

func (r trap) Wrap(key []byte) ([]*age.Stanza, error) { r.do(); return r.Recipient.Wrap(key) }

// Labels are those of the recipient itself: age refuses to mix.
func (r trap) WrapWithLabels(key []byte) ([]*age.Stanza, []string, error) {
	r.do()
	return r.Recipient.(age.RecipientWithLabels).WrapWithLabels(key)
}

func set(w *world.World, do func()) {
	var once sync.Once
	w.Shelf.Recipients = []age.Recipient{trap{w.Keys.Vault.Recipient(), func() { once.Do(do) }}}
}

// Leans on: a visit is registered before it is asked about again.
func TestB04ARevocationBetweenAskingAndOpeningIsSeen(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	a, err := w.Gateway.Enter(t.Context(), knock(w.Eng))
	must(t, err)
	w.Touch(t, w.Eng, a.Terminal)
	sprung := false
	set(w, func() { sprung = true; must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "now")) })
	v, got, err := w.Gateway.Visit(t.Context(), knock(w.Eng))
	if v != nil {
		t.Cleanup(v.Leave)
	}
	if !sprung {
		t.Fatal("nothing was revoked in between")
	}
	if v != nil || err == nil && got.Verdict == policy.Allow {
		t.Errorf("a session opened under a grant that was revoked a moment before: %+v, %v", got.Decision, err)
	}
	if open := w.Gateway.Visits(); len(open) != 0 {
		t.Errorf("open: %v", open)
	}
}

// The failpoint here is the policy, which is read in the very transaction that
// opens: the revocation waits for it and comes right behind.
func TestB04ARevocationRightAfterOpeningEndsIt(t *testing.T) {
	w := newWorld(t)
	code := w.Grant(t, w.Eng, time.Hour)
	a, err := w.Gateway.Enter(t.Context(), knock(w.Eng))
	must(t, err)
	w.Touch(t, w.Eng, a.Terminal)
	var armed atomic.Bool
	revoked := make(chan error, 1)
	desk := w.DeskLike()
	desk.Policy = func() *policy.Policy {
		if armed.CompareAndSwap(true, false) {
			go func() { revoked <- w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "now") }()
		}
		return w.Policy()
	}
	g := &gateway.Gateway{Desk: desk, Ledger: w.Ledger, Shelf: w.Shelf, Report: func(err error) { t.Log(err) }}
	t.Cleanup(func() { g.Close("the test is over") })
	set(w, func() { armed.Store(true) })
	v, got, err := g.Visit(t.Context(), knock(w.Eng))
	must(t, <-revoked)
	if err != nil {
		t.Fatal(err)
	}
	if v == nil { // the revocation was first after all
		if got.Verdict == policy.Allow {
			t.Error("no session, and yet allowed")
		}
		return
	}
	defer v.Leave()
	wantEnd(t, v, "revoked by ann@nord.x")
}

func TestB04ManyOpenWhileOneRevokes(t *testing.T) {
	w := newWorld(t)
	for round := range 4 {
		code := w.Grant(t, w.Eng, time.Hour)
		a, err := w.Gateway.Enter(t.Context(), knock(w.Eng))
		must(t, err)
		w.Touch(t, w.Eng, a.Terminal)
		var mu sync.Mutex
		var opened []*gateway.Visit
		together(5, func(i int) error {
			if i == 0 {
				return w.Desk.Revoke(t.Context(), w.Ann.Principal, code, fmt.Sprint("round ", round))
			}
			v, _, err := w.Gateway.Visit(t.Context(), knock(w.Eng))
			if v != nil {
				mu.Lock()
				opened = append(opened, v)
				mu.Unlock()
			}
			return err
		})
		for _, v := range opened {
			t.Cleanup(v.Leave)
			wantEnd(t, v, "revoked by")
			v.Leave()
		}
		if left := w.Gateway.Visits(); len(left) != 0 {
			t.Errorf("round %d: open %v", round, left)
		}
	}
}
