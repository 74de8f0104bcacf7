package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"lockbox/recorder"
	weblog "lockbox/recorder/requests"
)

type oneCopy struct{ err error }

func (a oneCopy) Destroy(context.Context, string) ([]string, error) { return []string{"here"}, a.err }

// TestWhatIsErasedLeavesTheRequestLog: with a recording go the requests of its
// session, with a person all that they asked for.
func TestWhatIsErasedLeavesTheRequestLog(t *testing.T) {
	l, err := weblog.Open(t.TempDir(), [32]byte{1}, weblog.Bounds{}, func(err error) { t.Error(err) })
	must(t, err)
	defer func() { must(t, l.Close()) }()
	now := time.Now()
	gone, stays := recorder.NewID(now), recorder.NewID(now)
	for _, one := range []weblog.Line{
		{ID: "1", Session: gone, Who: "ane@x.eu", Path: "/secret"}, {ID: "2", Session: stays, Who: "ane@x.eu"}, {ID: "3", Session: stays, Who: "bo@x.eu"}, {ID: "4"},
	} {
		l.Add(one)
	}
	left := func() (ids []string) {
		f, err := l.Search(t.Context(), weblog.Query{})
		must(t, err)
		for _, one := range f.Lines {
			ids = append(ids, one.ID)
		}
		slices.Sort(ids)
		return ids
	}
	copies, err := (&requestless{oneCopy{}, l}).Destroy(t.Context(), gone)
	if got := left(); err != nil || len(copies) != 1 || !slices.Equal(got, []string{"2", "3", "4"}) {
		t.Errorf("got %v, %v, %v", copies, got, err)
	}
	if _, err := (&requestless{oneCopy{errors.New("no disk")}, l}).Destroy(t.Context(), gone); err == nil {
		t.Error("a recording that stays is said to be destroyed")
	}
	s := &Server{}
	s.apps.log = l
	s.apps.leaves("ane@x.eu")
	must(t, s.forgetRequests(t.Context()))
	if got := left(); !slices.Equal(got, []string{"3", "4"}) {
		t.Errorf("got %v", got)
	}
}
