package main

import (
	"context"
	"fmt"
	"io"

	"lockbox/approvals/mail"
	"lockbox/approvals/notify"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A printer is where `lockbox dev` has its mail: nobody's, so each is a line in its output.
type printer struct {
	planner *notify.Planner
	told    *notify.Teller
	ledger  *ledger.Ledger
	to      io.Writer
}

// Name is that of mail, for which it stands.
func (*printer) Name() string { return mail.Name }

// Address is that of mail.
func (*printer) Address(tx *ledger.Tx, p policy.Principal) (string, error) {
	all, err := notify.Addresses(tx, p, "")
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0], nil
}

// Send prints the subject and the one link.
func (p *printer) Send(ctx context.Context, n notify.Notice) error {
	s, err := p.told.Story(ctx, n)
	if err != nil {
		return err
	}
	var who policy.Principal
	err = p.ledger.View(ctx, func(tx *ledger.Tx) error {
		who, err = p.planner.People.Current(tx, n.To)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.to, "   mail to %s: %s\n      %s\n", who.Name, s.Title, s.Page)
	return err
}
