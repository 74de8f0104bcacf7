package statement

import (
	"errors"
	"fmt"
	"time"
)

// A Login is what a person signs at `lockbox login`: for a while the SSH key of
// one terminal stands for them, from one address only, and From is when their
// passkey was touched. It is for that terminal, whoever sent them there.
type Login struct {
	Log    string
	Person string // id
	Key    string // fingerprint of the SSH key
	Source string // IP address of the terminal
	From   string // RFC 3339, UTC, whole seconds
	Until  string
	Nonce  string // 16 random bytes in hex
}

func (l *Login) lines() []line {
	return []line{
		{"log", &l.Log}, {"person", &l.Person}, {"ssh-key", &l.Key}, {"terminal", &l.Source},
		{"from", &l.From}, {"until", &l.Until}, {"nonce", &l.Nonce},
	}
}

// Bytes is the statement to show, hash and sign.
func (l Login) Bytes() ([]byte, error) { return print("lockbox-login/v1", l.lines()) }

// ParseLogin reads what Bytes wrote.
func ParseLogin(text []byte) (l Login, err error) {
	err = parse("lockbox-login/v1", text, l.lines())
	return l, err
}

// Moment is how a statement writes a time.
func Moment(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// Times are From and Until, which are written as Moment writes them and in that order.
func (l Login) Times() (from, until time.Time, err error) {
	if from, err = time.Parse(time.RFC3339, l.From); err == nil {
		until, err = time.Parse(time.RFC3339, l.Until)
	}
	switch {
	case err != nil:
		return time.Time{}, time.Time{}, fmt.Errorf("times of a login: %w", err)
	case Moment(from) != l.From || Moment(until) != l.Until || !from.Before(until):
		return time.Time{}, time.Time{}, errors.New("times of a login: not two times in UTC, one after the other")
	}
	return from, until, nil
}
