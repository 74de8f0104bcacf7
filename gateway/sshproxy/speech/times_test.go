package speech

import (
	"testing"
	"time"
)

func TestTimesAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30": 30 * time.Minute, "1h": time.Hour, "1h 30m": 90 * time.Minute, "90 min": 90 * time.Minute, "2 hours": 2 * time.Hour,
		"": 0, "0": 0, "-1h": 0, "ever": 0, "1e9": 0, "99999999999999999999": 0,
	} {
		if got, ok := ReadLong(text); got != want && ok || ok != (want > 0) {
			t.Errorf("%q: got %s, %v", text, got, ok)
		}
	}
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 45 * time.Second: "45s", 20 * time.Hour: "20h", 100 * time.Minute: "1h40m",
		10*time.Minute + 10*time.Second: "10m10s", 0: "0s",
	} {
		if got := Long(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{45 * time.Minute: "45:00", time.Hour + time.Second: "1:00:01", 59 * time.Second: "00:59", -time.Hour: "00:00"} {
		if got := Left(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
