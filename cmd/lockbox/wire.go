package main

import (
	"context"
	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/approvals/notify"
	"lockbox/gateway"
	"lockbox/gateway/api"
	"lockbox/gateway/identity"
	"lockbox/gateway/rulebook"
	"lockbox/policy"
	"lockbox/policy/lang"
	"lockbox/policy/statement"
	"lockbox/recorder"
	"lockbox/recorder/ledger"
	"time"

	"filippo.io/age"
)

// wire ties the rooms together.
func (s *Server) wire() {
	c := s.Config
	party := statement.Party{ID: c.host(), Origins: []string{c.URL}}
	s.seen = newSeen()
	s.Book = &rulebook.Book{
		Ledger: s.Ledger, Production: c.Mode == modeProduction, Config: c.signed(s.Keys), Report: s.failed, Actor: localUser(),
		Read: func() (map[string][]byte, error) { return lang.Read(c.Policy.Dir) }, Count: s.seen.reload,
	}
	s.People = &identity.Directory{Ledger: s.Ledger, Log: c.Log, Party: party, Policy: s.Book.InForce, Now: time.Now, PeopleCA: s.Keys.PeopleCA}
	s.Charter = &charter.Charter{
		Ledger: s.Ledger, People: s.People, Policy: s.Book.InForce, Log: c.Log, Party: party,
		Effect: s.effect, Idle: func(tx *ledger.Tx, person string) error { return s.Desk.Idle(tx, person) },
	}
	s.Book.Motions, s.Book.Found, s.Book.MayFound, s.People.Charter = motions{s.Charter}, s.People.Found, s.People.MayFound, s.Charter
	s.Desk = &approvals.Desk{Ledger: s.Ledger, People: s.People, Charter: s.Charter, Policy: s.Book.InForce, Log: c.Log, Party: party}
	s.Shelf = &recorder.Shelf{
		Dir: c.Recordings.Dir, Recipients: []age.Recipient{s.Keys.VaultTo}, AtRest: s.Keys.AtRest,
		Signer: s.Keys.Log, Verifier: s.Keys.LogVerifier, Now: time.Now, Patience: c.Recordings.patience,
	}
	s.Tokens = &api.Tokens{Ledger: s.Ledger, People: s.People}
	s.Gateway = &gateway.Gateway{Desk: s.Desk, Ledger: s.Ledger, Shelf: s.Shelf, Report: s.failed}
	s.Desk.Signed, s.Charter.Glass, s.Charter.Opposed = c.Mode == modeProduction, s.Desk.Glass, s.Desk.Opposed
	s.Charter.Digest = s.Desk.DigestHash
	s.Desk.Forget, s.Desk.Over, s.Charter.Over = s.forget, s.Gateway.Over, s.Gateway.Over
}

// motions lets the rulebook ask executives, in the gateway's own name.
type motions struct{ *charter.Charter }

func lockbox() policy.Principal {
	return policy.Principal{ID: "lockbox", Name: "Lockbox", Kind: policy.Machine}
}

// Offer makes a motion, or finds the open one that says the same.
func (m motions) Offer(ctx context.Context, what policy.Motion) (string, error) {
	v, err := m.Propose(ctx, lockbox(), what)
	if err != nil {
		return "", err
	}
	return v.Motion.ID, nil
}

// Drop takes a motion back.
func (m motions) Drop(ctx context.Context, id, why string) error {
	_, err := m.End(ctx, lockbox(), id, why)
	return err
}

// forget takes a person out of what is kept besides requests.
func (s *Server) forget(tx *ledger.Tx, request, person string, by int64) error {
	if err := s.Gateway.Forget(tx, request, person, by); err != nil || request != "" {
		return err
	}
	return notify.Forget(tx, person)
}
