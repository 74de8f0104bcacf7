package speech

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Clock is a time of day as the person writes it.
func Clock(t time.Time) string { return t.Local().Format("15:04:05") }

// Day is an instant as the person writes it: with its date where that is not today's.
func Day(t, now time.Time) string {
	if t, now = t.Local(), now.Local(); t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// Long is a duration without what is nothing: "1h", "1h30m", "45s".
func Long(d time.Duration) string {
	d = d.Round(time.Second)
	if d < time.Second {
		return "0s"
	}
	var b strings.Builder
	for _, part := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / part.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, part.name)
		}
		d %= part.unit
	}
	return b.String()
}

// ReadLong reads "1h", "1h 30m", "90" (minutes).
func ReadLong(text string) (time.Duration, bool) {
	text = strings.ReplaceAll(strings.ToLower(text), " ", "")
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 100_000 {
		return time.Duration(n) * time.Minute, true
	}
	text = strings.NewReplacer("hours", "h", "hour", "h", "minutes", "m", "min", "m").Replace(text)
	d, err := time.ParseDuration(text)
	return d, err == nil && d > 0
}

// Left is a duration as a clock shows it: "45:00", "1:30:00".
func Left(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	h, m, sec := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, m, sec)
	}
	return fmt.Sprintf("%02d:%02d", m, sec)
}
