package notify

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

func settingKey(person string) string { return "notify/" + person }

// SettingOf reads how a person wants to be told; zero where they never said.
func SettingOf(tx *ledger.Tx, person string) (s Setting, err error) {
	if _, err = tx.Get(settingKey(person), &s); err != nil {
		return Setting{}, fmt.Errorf("read how %s wants to be told: %w", person, err)
	}
	return s, nil
}

// Forget takes a person's setting away, within the transaction that erases them.
func Forget(tx *ledger.Tx, person string) error {
	if person == "" {
		return nil
	}
	s, err := SettingOf(tx, person)
	if err != nil || s.Since == 0 {
		return err
	}
	return tx.Delete(settingKey(person))
}

// Settings are where people say how they want to be told.
type Settings struct {
	Ledger  *ledger.Ledger
	Planner *Planner
}

// Of reads a person's setting, and over what they are reached.
func (s *Settings) Of(ctx context.Context, who policy.Principal) (set Setting, ways []Way, err error) {
	err = s.Ledger.View(ctx, func(tx *ledger.Tx) error {
		if set, err = SettingOf(tx, who.ID); err != nil {
			return err
		}
		ways, err = s.Planner.Ways(tx, who)
		return err
	})
	return set, ways, err
}

// Set writes down how a person wants to be told. Its error is an *approvals.Refusal where they can mend it.
func (s *Settings) Set(ctx context.Context, who policy.Principal, set Setting) error {
	if err := set.check(); err != nil {
		return err
	}
	return s.Ledger.Update(ctx, func(tx *ledger.Tx) (err error) {
		was, err := SettingOf(tx, who.ID)
		if err != nil {
			return err
		}
		set.Was = slices.DeleteFunc(slices.Clone(was.Was), func(f Former) bool { return !tx.Now().Before(f.Until) })
		if was.Mail != set.Mail {
			if len(set.Was) >= moves {
				return refuse("the address was changed %d times within a week; change it later", moves)
			}
			set.Was = append(set.Was, Former{was.address(who.ID), tx.Now().Add(wasTold)})
		}
		set.Since, err = tx.Append(ledger.Event{
			Kind: "notify.changed", Actor: who.ID, Customers: customersOf(who),
			Detail: map[string]string{"off": strings.Join(set.Off, " "), "quiet": fmt.Sprint(!set.Quiet.never()), "mail": fmt.Sprint(was.Mail != set.Mail)},
		})
		if err != nil {
			return err
		}
		if err := tx.Put(settingKey(who.ID), set); err != nil {
			return err
		}
		return s.reached(tx, who, set)
	})
}

const (
	wasTold = 7 * 24 * time.Hour // an address that was changed is told of it for so long …
	moves   = 3                  // … and there are no more changes than this: whoever makes them takes it from nobody
)

func customersOf(who policy.Principal) []string {
	if who.Customer == "" {
		return nil
	}
	return []string{who.Customer}
}

// reached refuses a setting under which nothing would reach the person any more.
func (s *Settings) reached(tx *ledger.Tx, who policy.Principal, set Setting) error {
	there := 0
	for _, c := range s.Planner.Channels {
		at, err := address(c, tx, who)
		if err != nil {
			return err
		}
		if at == "" {
			continue
		}
		if there++; !slices.Contains(set.Off, c.Name()) {
			return nil
		}
	}
	if there == 0 {
		return nil // nothing could be switched on
	}
	return refuse("something must reach you: leave at least one way on")
}

func refuse(format string, args ...any) error {
	return &approvals.Refusal{Code: policy.ByPolicy, Why: fmt.Sprintf(format, args...)}
}

func (s Setting) check() error {
	if s.Lang != "" && s.Lang != "en" && s.Lang != "da" {
		return refuse("the language is English or Danish")
	}
	if s.Mail != "" && !Addressable(s.Mail) {
		return refuse("that is no mail address; write it as name@example.eu")
	}
	if len(s.Off) > 50 {
		return refuse("these are too many ways to be told")
	}
	return s.Quiet.check()
}

// Addressable says whether s is one plain mail address and nothing besides.
func Addressable(s string) bool {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s || len(s) > 254 || statement.Clean(s) != nil {
		return false
	}
	return !strings.ContainsAny(s, " \"<>()[]\\,;:") && strings.Count(s, "@") == 1 && strings.Contains(s[strings.IndexByte(s, '@'):], ".")
}

// address is where mail goes; "" where nobody said, and the person's id is none.
func (s Setting) address(person string) string {
	if s.Mail != "" {
		return s.Mail
	}
	if Addressable(person) {
		return person
	}
	return ""
}

// Addresses are where mail for a person goes: for a while after a change, what
// concerns their account goes to the old address, too.
func Addresses(tx *ledger.Tx, who policy.Principal, t Topic) (all []string, err error) {
	s, err := SettingOf(tx, who.ID)
	if err != nil {
		return nil, err
	}
	if at := s.address(who.ID); at != "" {
		all = append(all, at)
	}
	for _, f := range s.Was {
		if t == Account && f.Mail != "" && tx.Now().Before(f.Until) && !slices.Contains(all, f.Mail) {
			all = append(all, f.Mail)
		}
	}
	return all, nil
}

func (q Quiet) never() bool { return q.From == q.To }

func (q Quiet) check() error {
	const day = 24 * time.Hour
	if q.From < 0 || q.To < 0 || q.From >= day || q.To >= day {
		return refuse("quiet hours are times of day")
	}
	if _, err := q.zone(); err != nil {
		return refuse("the time zone is not known; write it as Europe/Copenhagen")
	}
	return nil
}

func (q Quiet) zone() (*time.Location, error) {
	if strings.EqualFold(q.Zone, "local") {
		return nil, errors.New("local to whom")
	}
	return time.LoadLocation(q.Zone) // "" is UTC
}

// Ends is when the quiet that is at now ends; zero where it is not quiet. Hours of
// a zone that is not known any more are never quiet.
func (q Quiet) Ends(now time.Time) time.Time {
	zone, err := q.zone()
	if q.never() || err != nil {
		return time.Time{}
	}
	now = now.In(zone)
	for _, day := range []int{-1, 0} {
		y, m, d := now.AddDate(0, 0, day).Date()
		clock := func(t time.Duration, days int) time.Time {
			return time.Date(y, m, d+days, int(t/time.Hour), int(t%time.Hour/time.Minute), 0, 0, zone)
		}
		from, to := clock(q.From, 0), clock(q.To, 0)
		if q.To < q.From {
			to = clock(q.To, 1)
		}
		if !now.Before(from) && now.Before(to) {
			return to.UTC()
		}
	}
	return time.Time{}
}
