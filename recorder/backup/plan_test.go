package backup

import (
	"slices"
	"testing"
	"time"
)

// A folder is what a schedule leaves behind, hour after hour.
type folder struct {
	Schedule
	have []Name
}

// hour does what Catch does.
func (f *folder) hour(now time.Time, fails bool) {
	for _, kind := range f.Plan(f.have, now).Due {
		if fails {
			return
		}
		f.make(Name{now.Truncate(time.Second), kind}, now)
	}
}

// make does what scheduled and Now do.
func (f *folder) make(n Name, now time.Time) {
	if slices.Contains(f.have, n) {
		return // it is there, and nothing is overwritten
	}
	drop := f.Plan(append(of(f.have, n.Kind), n), now).Drop
	f.have = slices.DeleteFunc(append(f.have, n), func(n Name) bool { return slices.Contains(drop, n) })
}

func day(n int) time.Time { return time.Date(2026, 1, 1, 0, 10, 0, 0, time.UTC).AddDate(0, 0, n) }

func TestA120DaysKeepSevenAndThree(t *testing.T) {
	never := func(int, int) bool { return false }
	none := func(int) time.Duration { return 0 }
	for _, tt := range []struct {
		name  string
		off   func(day, hour int) bool // the machine is
		fails func(day, hour int) bool
		ahead func(day int) time.Duration // the clock is
		twice bool
	}{
		{"every night", never, never, none, false},
		{"two runs in one night", never, never, none, true},
		{"a machine that sleeps at night", func(_, h int) bool { return h < 9 || h > 17 }, never, none, false},
		{"off for three weeks", func(d, _ int) bool { return d >= 40 && d < 61 }, never, none, false},
		{"restarted every other hour", func(_, h int) bool { return h%2 == 0 }, never, none, false},
		{"every first try fails", never, func(_, h int) bool { return h < 4 }, none, false},
		{"a week fails", never, func(d, _ int) bool { return d >= 100 && d < 107 }, none, false},
		{"the clock is 40 days ahead for ten", never, never, func(d int) time.Duration {
			if d >= 20 && d < 30 {
				return 40 * 24 * time.Hour
			}
			return 0
		}, false},
		{"the clock is a year behind for ten", never, never, func(d int) time.Duration {
			if d >= 50 && d < 60 {
				return -365 * 24 * time.Hour
			}
			return 0
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := folder{Schedule: Schedule{2*time.Hour + 30*time.Minute}}
			for h := range 120 * 24 {
				d := h / 24
				now := day(d).Add(time.Duration(h%24) * time.Hour).Add(tt.ahead(d))
				if tt.off(d, h%24) {
					continue
				}
				before := len(of(f.have, Nightly))
				f.hour(now, tt.fails(d, h%24))
				if tt.twice && h%24 == 12 {
					f.make(Name{now, Nightly}, now)
				}
				if after := len(of(f.have, Nightly)); after < min(before, keptNights) {
					t.Fatalf("at %s %d of %d nights are left", now, after, before)
				}
			}
			wantLast(t, f)
		})
	}
}

// wantLast wants the last seven nights and the last three months, and nothing else.
func wantLast(t *testing.T, f folder) {
	t.Helper()
	nights, months := of(f.have, Nightly), of(f.have, Monthly)
	if len(nights) != 7 || len(months) != 3 || len(f.have) != 10 {
		t.Fatalf("%d nights and %d months are left: %v", len(nights), len(months), f.have)
	}
	end := day(119).Add(23 * time.Hour)
	for i, n := range nights {
		if got, want := f.night(n.At), f.night(end)-i; got != want {
			t.Errorf("night %d is %s", i, n)
		}
	}
	for i, n := range months {
		if got, want := f.month(n.At), f.month(end)-i; got != want {
			t.Errorf("month %d is %s", i, n)
		}
	}
}

func TestWhatIsDueAndWhatMayGo(t *testing.T) {
	s := Schedule{2*time.Hour + 30*time.Minute}
	at := func(text string) time.Time {
		t, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			panic(err)
		}
		return t
	}
	night := func(text string) Name { return Name{at(text), Nightly} }
	month := func(text string) Name { return Name{at(text), Monthly} }
	for _, tt := range []struct {
		name string
		have []Name
		now  string
		want Plan
	}{
		{"at first both are due", nil, "2026-11-22 12:00:00", Plan{Due: []Kind{Nightly, Monthly}}},
		{"before the hour it is the night before", []Name{night("2026-11-21 02:30:00"), month("2026-11-01 02:30:00")}, "2026-11-22 02:29:59", Plan{}},
		{"at the hour one is due", []Name{night("2026-11-21 02:30:00"), month("2026-11-01 02:30:00")}, "2026-11-22 02:30:00", Plan{Due: []Kind{Nightly}}},
		{"one asked for in the afternoon is of that night", []Name{night("2026-11-21 14:00:00"), month("2026-11-01 02:30:00")}, "2026-11-21 15:00:00", Plan{}},
		{"the month begins with its first night", []Name{night("2026-12-01 02:29:00"), month("2026-11-01 02:30:00")}, "2026-12-01 02:29:30", Plan{}},
		{"then both are due", []Name{night("2026-12-01 02:29:00"), month("2026-11-01 02:30:00")}, "2026-12-01 02:30:00", Plan{Due: []Kind{Nightly, Monthly}}},
		{"the older of one night goes", []Name{night("2026-11-21 02:30:00"), night("2026-11-21 14:00:00"), month("2026-11-01 02:30:00")}, "2026-11-21 15:00:00", Plan{Drop: []Name{night("2026-11-21 02:30:00")}}},
		{"what is dated ahead counts for nothing and stays", []Name{night("2027-11-21 02:30:00"), month("2026-11-01 02:30:00")}, "2026-11-21 15:00:00", Plan{Due: []Kind{Nightly}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := s.Plan(tt.have, at(tt.now)); !slices.Equal(got.Due, tt.want.Due) || !slices.Equal(got.Drop, tt.want.Drop) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("lockbox-20261122T023000Z-nightly.age")
	f.Add("lockbox-20261122T023000Z-monthly.age")
	f.Add("lockbox-20261122T023000Z-asked.age")
	f.Add(".part-lockbox-20261122T023000Z-nightly.age")
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := ParseName(s); ok && n.String() != s {
			t.Errorf("%q is printed as %q", s, n)
		}
	})
}
