package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// failing is a directory that is away.
type failing struct{}

var errAway = errors.New("the store is away")

func (failing) Current(*ledger.Tx, string) (policy.Principal, error) {
	return policy.Principal{}, errAway
}
func (failing) HoldsKey(*ledger.Tx, string, string) (bool, error) { return false, errAway }
func (failing) Passkey(*ledger.Tx, string) (statement.Key, string, error) {
	return statement.Key{}, "", errAway
}

func TestWhoWaitsIsAnsweredWhenItIsDecided(t *testing.T) {
	s := newHall(t)
	code, token := s.fresh(), s.token(s.Eng)
	var got reply
	var wg sync.WaitGroup
	began := time.Now()
	wg.Go(func() { got = s.get(token, "/requests/"+code+"?wait=25s") })
	must(t, s.Approve(t, s.Ceo, code))
	must(t, s.Approve(t, s.Ann, code))
	wg.Wait()
	var r Request
	got.into(&r)
	if !r.Live() || r.Phase != policy.Approved || time.Since(began) > 20*time.Second {
		t.Errorf("after %s: %+v", time.Since(began), r)
	}
}

func TestWhoWaitsGoesOnWhenTheTimeIsUp(t *testing.T) {
	s := newHall(t)
	code, token := s.fresh(), s.token(s.Eng)
	var r Request
	s.get(token, "/requests/"+code+"?wait=50ms").into(&r)
	if r.Phase != policy.Pending {
		t.Errorf("got %+v", r)
	}
	for _, wait := range []string{"26s", "1", "-1s", "", "x"} {
		if got := s.get(token, "/requests/"+code+"?wait="+wait); got.status != 400 {
			t.Errorf("wait=%s: %d %s", wait, got.status, got.body)
		}
	}
}

func TestWhoseTokenIsRevokedWhileTheyWaitLearnsNothing(t *testing.T) {
	s := newHall(t)
	code, token := s.fresh(), s.token(s.Eng)
	var got reply
	var wg sync.WaitGroup
	wg.Go(func() { got = s.get(token, "/requests/"+code+"?wait=25s") })
	for tick := time.NewTicker(time.Millisecond); s.api.waits.taken() == 0; { // until they wait
		<-tick.C
	}
	must(t, s.api.Tokens.RevokeAll(t.Context(), "ops@x.eu", s.Eng.ID))
	must(t, s.Desk.Withdraw(t.Context(), s.Eng.Principal, code))
	wg.Wait()
	if got.status != 401 {
		t.Errorf("got %d %s, want 401", got.status, got.body)
	}
}

func TestOnlySoManyWait(t *testing.T) {
	s := newHall(t)
	code, token := s.fresh(), s.token(s.Eng)
	for i := range maxWaits {
		if !s.api.waits.take(fmt.Sprint("person ", i)) {
			t.Fatalf("no place for the %dth", i+1)
		}
	}
	if got := s.get(token, "/requests/"+code+"?wait=10s"); got.status != 429 {
		t.Errorf("got %d %s, want 429", got.status, got.body)
	}
	if got := s.get(token, "/requests/"+code); got.status != 200 {
		t.Errorf("who does not wait: %d %s", got.status, got.body)
	}
}

func TestOnePersonLeavesOthersRoomToWait(t *testing.T) {
	s := newHall(t)
	code := s.fresh()
	for range waitsEach {
		if !s.api.waits.take(s.Eng.ID) {
			t.Fatal("no place")
		}
	}
	if got := s.get(s.token(s.Eng, Read), "/requests/"+code+"?wait=10s"); got.status != 429 {
		t.Errorf("another token makes no more places: %d %s", got.status, got.body)
	}
	if got := s.get(s.token(s.Ann), "/requests/"+code+"?wait=1ms"); got.status != 200 {
		t.Errorf("somebody else: %d %s", got.status, got.body)
	}
	for range waitsEach {
		s.api.waits.leave(s.Eng.ID)
	}
	if n := s.api.waits.taken(); n != 0 || len(s.api.waits.by) != 0 {
		t.Errorf("%d places are kept, %v", n, s.api.waits.by)
	}
}

func TestARequestIsToldWithinTheRightsOfItsReader(t *testing.T) {
	s := newHall(t)
	code := s.Ask(t, s.Eng, "", time.Hour) // deploy reaches nord and syd
	var ann, eng Request
	s.get(s.token(s.Ann), "/requests/"+code).into(&ann)
	s.get(s.token(s.Eng), "/requests/"+code).into(&eng)
	if !slices.Equal(ann.Customers, []string{"nord"}) || slices.ContainsFunc(ann.Stages, func(g Stage) bool { return g.Customer == "syd" }) {
		t.Errorf("a reviewer of nord reads of syd: %+v", ann)
	}
	if len(eng.Customers) != 2 || len(eng.Stages) != 3 {
		t.Errorf("the requester reads less: %+v", eng)
	}
	if got := s.get(s.token(s.Ann), "/receipts/"+code); got.status != 200 || strings.Contains(string(got.body), `"syd`) {
		t.Errorf("a receipt that tells of syd: %d %s", got.status, got.body)
	}
}
