package api

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

func (c *call) me() (Me, error) {
	proofs, err := c.declared()
	d := c.a.policy().Declaration
	return Me{
		Person: person(c.who), Groups: list(c.who.Groups), Token: c.token.ID, Scopes: c.token.Scopes, Until: c.token.Until.UTC(),
		Declared: d == nil || len(proofs) > 0,
	}, err
}

// declared gives the proof that the person signed the declaration in force.
func (c *call) declared() (proofs []policy.Proof, err error) {
	d := c.a.policy().Declaration
	if d == nil || c.a.Charter == nil {
		return nil, nil
	}
	err = c.a.Charter.Ledger.View(c.ctx(), func(tx *ledger.Tx) error {
		proofs, err = c.a.Charter.Declared(tx, c.who.ID, d.Digest())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the declaration: %w", err)
	}
	return proofs, nil
}

// targets lists what the person may ask for, now and from here.
func (c *call) targets() (TargetList, error) {
	out := TargetList{Targets: []Target{}}
	pol := c.a.policy()
	for _, name := range slices.Sorted(maps.Keys(pol.Targets)) {
		t := pol.Targets[name]
		w := Wish{Target: name}
		each := len(t.Logins) > 0 && strings.Contains(t.Logins[0].Name, "{{customer}}")
		if each && len(t.Customers) > 0 {
			w.Customer = t.Customers[0] // any will do to know the rule
		}
		if _, d := c.entry(w); askable(d) {
			one := target(t, d)
			if t.Kind == "http" && c.a.Apps != nil {
				one.URL = c.a.Apps(name)
			}
			out.Targets = append(out.Targets, one)
		}
	}
	return out, nil
}

func target(t *policy.Target, d policy.Decision) Target {
	out := Target{
		Name: t.Name, Kind: t.Kind, Class: t.Class, Location: t.Location, Logins: []Login{}, Customers: []string{},
		Reasons: list(d.Reasons()), Ticket: d.Ticket, Default: Span(d.Limits.Default), Max: Span(d.Limits.Max),
	}
	if out.Class == "" {
		out.Class = "production"
	}
	for _, l := range t.Logins {
		out.Logins = append(out.Logins, Login{l.Name, l.One, l.ReadOnly})
		if l.One {
			out.Customers = list(t.Customers)
		}
	}
	return out
}

func (c *call) policy() (Policy, error) {
	pol := c.a.policy()
	out := Policy{Digest: pol.Digest}
	if d := pol.Declaration; d != nil {
		out.Declaration = &Declaration{d.Version, d.Text, d.Digest()}
	}
	return out, nil
}

func (c *call) tokens() (TokenList, error) {
	all, err := c.a.Tokens.List(c.ctx(), c.who)
	out := TokenList{Tokens: []TokenFacts{}}
	for _, k := range all {
		out.Tokens = append(out.Tokens, TokenFacts{k.ID, k.Scopes, k.Made.UTC(), k.Until.UTC(), k.Key})
	}
	return out, err
}

func (c *call) revokeToken(Nothing) (Nothing, error) {
	err := c.a.Tokens.Revoke(c.ctx(), c.who, c.parts["id"])
	if errors.Is(err, ErrToken) {
		err = errNowhere
	}
	return Nothing{}, err
}
