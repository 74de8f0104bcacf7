package statement

import (
	"testing"
	"time"
)

func TestTheTimesOfALoginAreWrittenInOneWay(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 5e8, time.FixedZone("CET", 3600))
	if got := Moment(noon); got != "2026-11-22T11:00:00Z" {
		t.Errorf("got %s", got)
	}
	good := Login{From: "2026-11-22T11:00:00Z", Until: "2026-11-22T11:15:00Z"}
	from, until, err := good.Times()
	if err != nil || until.Sub(from) != 15*time.Minute {
		t.Errorf("got %s, %s, %v", from, until, err)
	}
	for name, l := range map[string]Login{
		"nothing":       {},
		"no end":        {From: good.From},
		"another zone":  {From: "2026-11-22T12:00:00+01:00", Until: good.Until},
		"half a second": {From: good.From, Until: "2026-11-22T11:15:00.5Z"},
		"backwards":     {From: good.Until, Until: good.From},
		"no time":       {From: good.From, Until: good.From},
		"a word":        {From: good.From, Until: "never"},
	} {
		if from, until, err := l.Times(); err == nil {
			t.Errorf("%s: got %s, %s", name, from, until)
		}
	}
}
