package console

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/approvals"
	"lockbox/policy"
)

func TestBothLanguagesSayAll(t *testing.T) {
	verbs := regexp.MustCompile(`%[sdqv%]`)
	en, da := reflect.ValueOf(*english()), reflect.ValueOf(*danish())
	for i := range en.NumField() {
		name := en.Type().Field(i).Name
		if name == "Words" {
			continue
		}
		e, d := en.Field(i).String(), da.Field(i).String()
		if e == "" || d == "" {
			t.Errorf("%s is missing", name)
		}
		if diff := cmp.Diff(verbs.FindAllString(e, -1), verbs.FindAllString(d, -1)); diff != "" && name != "help" {
			t.Errorf("%s: %q and %q say different things", name, e, d)
		}
	}
}

func TestOldVotesShowTheirAge(t *testing.T) {
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	vote := policy.Vote{By: policy.Principal{ID: "ceo@x.eu", Name: "Ceo"}, Verdict: policy.Yes, At: at.Add(time.Minute), Terms: policy.Terms{For: time.Hour}}
	v := approvals.View{
		Request: &policy.Request{ID: "7KQM", At: at, Votes: []policy.Vote{vote}},
		Status:  policy.Status{Phase: policy.Pending, Stages: []policy.StageStatus{{Stage: policy.Stage{Kind: policy.ByExecutive, Count: 1}}}},
	}
	for after, want := range map[time.Duration]bool{3 * time.Hour: false, 5 * time.Hour: true} {
		c := &console{say: speak("", nil)}
		v.Now = at.Add(after)
		c.detail(v)
		if got := strings.Contains(c.out.String(), "4h59m old"); got != want {
			t.Errorf("after %s:\n%s", after, c.out.String())
		}
	}
}
