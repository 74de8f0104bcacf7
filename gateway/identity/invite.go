package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

const (
	linkLife     = 7 * 24 * time.Hour
	ceremonyLife = 5 * time.Minute
)

// An Invite is for one person to enrol one passkey.
type Invite struct {
	ID       string      `json:"id"` // e-mail address, lower case
	Name     string      `json:"name"`
	Kind     policy.Kind `json:"kind"`
	Customer string      `json:"customer,omitempty"` // whom a reviewer speaks for

	// Founds confirms and pins the passkey without a second person, if it is the
	// first of its set: executives, the reviewers of a customer, staff. After
	// that it does nothing. `lockbox dev` sets it; nothing else should.
	Founds bool `json:"founds,omitempty"`

	// SSHKey is an authorized_keys line for the person to sign with the new
	// passkey at the end of the enrolment; "" for none.
	SSHKey string `json:"ssh_key,omitempty"`
}

// A link is a row: an invitation and what became of it.
type link struct {
	Invite
	By       string    `json:"by"`
	Made     time.Time `json:"made"`
	Until    time.Time `json:"until"`
	Used     time.Time `json:"used,omitzero"`
	Ceremony *ceremony `json:"ceremony,omitempty"` // the registration under way
	Motion   string    `json:"motion,omitempty"`   // by which somebody enrols anew; "" of an invitation
}

// NewLink makes the secret end of an enrolment link. It lives 7 days, enrols one
// person once, and cannot be read again: only its SHA-256 is stored.
func (d *Directory) NewLink(ctx context.Context, by string, v Invite) (token string, err error) {
	if err := d.checkInvite(by, v); err != nil {
		return "", err
	}
	if token, err = secret(); err != nil {
		return "", fmt.Errorf("make link: %w", err)
	}
	err = d.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		if err := free(tx, v.ID); err != nil {
			return err
		}
		now := tx.Now()
		if err := tx.Put(linkKey(token), link{Invite: v, By: by, Made: now, Until: now.Add(linkLife)}); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{
			Kind: "person.invited", Actor: by, Subjects: subjects(v.Customer), Customers: subjects(v.Customer),
			Detail:  map[string]string{"kind": string(v.Kind), "founds": yes(v.Founds)},
			Private: map[string]string{"person": v.ID, "name": v.Name},
		})
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// free refuses an id that somebody has.
func free(tx *ledger.Tx, id string) error {
	taken, err := tx.Verified(personKey(id), &Person{})
	if err != nil {
		return fmt.Errorf("read person: %w", err)
	}
	if taken {
		return refuse("%s is enrolled already", id)
	}
	return nil
}

func (d *Directory) checkInvite(by string, v Invite) error {
	if by == "" {
		return refuse("it is not known who invites")
	}
	if !goodID(v.ID) {
		return refuse("%q cannot be an id: use an e-mail address in lower case", v.ID)
	}
	if n := utf8.RuneCountInString(v.Name); n == 0 || n > 100 || strings.TrimSpace(v.Name) != v.Name || statement.Clean(v.Name) != nil {
		return refuse("%q cannot be a name: 1 to 100 visible characters", v.Name)
	}
	if !slices.Contains([]policy.Kind{policy.Staff, policy.Executive, policy.Reviewer, policy.Auditor}, v.Kind) {
		return refuse("%q is not a kind of person: staff, executive, customer or auditor", v.Kind)
	}
	if (v.Kind == policy.Reviewer) != (v.Customer != "") {
		return refuse("a reviewer speaks for one customer, and only a reviewer does")
	}
	if v.Customer != "" && !d.customer(v.Customer) {
		return refuse("the policy has no customer %q", v.Customer)
	}
	if v.SSHKey != "" {
		if _, err := ParseSSHKey(v.SSHKey); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) policy() *policy.Policy {
	if d.Policy == nil {
		return nil
	}
	return d.Policy()
}

func (d *Directory) customer(id string) bool {
	p := d.policy()
	if p == nil {
		return false
	}
	_, ok := p.Customers[id]
	return ok
}

// goodID takes plain e-mail addresses, so that two ids that look alike are alike.
func goodID(id string) bool {
	local, domain, ok := strings.Cut(id, "@")
	return ok && len(id) <= 254 && word(local, "._+-") && word(domain, ".-") && strings.Contains(domain, ".")
}

// word says whether s is lower-case letters, digits and, between them, the others.
func word(s, others string) bool {
	for i, r := range s {
		plain := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		if !plain && (i == 0 || i == len(s)-1 || !strings.ContainsRune(others, r)) {
			return false
		}
	}
	return s != ""
}

func subjects(ids ...string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
