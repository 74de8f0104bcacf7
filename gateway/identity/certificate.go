package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// A certificate of the people CA (OpenSSH PROTOCOL.certkeys) says again what a
// person signed at a login. By itself it opens nothing: see ByCertificate.
const (
	certEarly     = 30 * time.Second // for clients whose clock is behind
	sourceAddress = "source-address"
	certID        = "lockbox login of "
)

// certify makes the certificate of a login.
func (d *Directory) certify(key ssh.PublicKey, said statement.Login) (*ssh.Certificate, error) {
	from, until, err := said.Times()
	if err != nil {
		return nil, err
	}
	var serial [8]byte
	_, _ = rand.Read(serial[:]) // never fails (crypto/rand)
	c := &ssh.Certificate{
		Key: key, Serial: binary.BigEndian.Uint64(serial[:]), CertType: ssh.UserCert, KeyId: certID + said.Person,
		ValidPrincipals: []string{said.Person},
		ValidAfter:      uint64(from.Add(-certEarly).Unix()), ValidBefore: uint64(until.Unix()),
		Permissions: ssh.Permissions{CriticalOptions: map[string]string{sourceAddress: said.Source}},
	}
	if err := c.SignCert(rand.Reader, d.PeopleCA); err != nil {
		return nil, fmt.Errorf("certify a login: %w", err)
	}
	if _, err := certified(c, d.PeopleCA.PublicKey()); err != nil {
		return nil, fmt.Errorf("certify a login: %w", err)
	}
	return c, nil
}

// certified gives the one person whom a certificate names, if ca signed it and it
// is of the form that certify makes, to the letter. x/crypto's CertChecker takes
// one without principals for everybody, ignores extensions and lets an infinite
// one be; it is asked for the signature alone.
func certified(c *ssh.Certificate, ca ssh.PublicKey) (person string, err error) {
	switch {
	case c.SignatureKey == nil || c.Key == nil || c.Signature == nil:
		return "", errors.New("a certificate without a key or a signature")
	case c.SignatureKey.Type() != ssh.KeyAlgoED25519 || !bytes.Equal(c.SignatureKey.Marshal(), ca.Marshal()):
		return "", errors.New("the certificate is of another authority")
	case c.Signature.Format != ssh.KeyAlgoED25519 || len(c.Signature.Rest) != 0:
		return "", errors.New("the certificate is signed in another way")
	case c.CertType != ssh.UserCert:
		return "", errors.New("the certificate is for no person")
	case c.Key.Type() != ssh.KeyAlgoED25519:
		return "", errors.New("the certificate is for a key of another type")
	case len(c.ValidPrincipals) != 1 || !goodID(c.ValidPrincipals[0]) || c.KeyId != certID+c.ValidPrincipals[0]:
		return "", errors.New("the certificate names not exactly one person")
	case len(c.CriticalOptions) != 1 || c.CriticalOptions[sourceAddress] == "":
		return "", errors.New("the certificate has other options than source-address")
	case len(c.Extensions) != 0 || len(c.Reserved) != 0:
		return "", errors.New("the certificate has extensions")
	case c.ValidAfter >= c.ValidBefore || c.ValidBefore > uint64(maxUnix):
		return "", errors.New("the certificate is valid for ever, or never")
	}
	check := ssh.CertChecker{ // the time is that of the login, by the ledger's clock
		SupportedCriticalOptions: []string{sourceAddress}, Clock: func() time.Time { return time.Unix(int64(c.ValidAfter), 0) },
	}
	if err := check.CheckCert(c.ValidPrincipals[0], c); err != nil {
		return "", err
	}
	return c.ValidPrincipals[0], nil
}

const maxUnix = int64(1) << 40 // more seconds than any time of ours, fewer than overflow

// ByCertificate says whose a certificate of the people CA is that was shown from
// an address. It counts while its login does: see loggedIn. Its error is a
// *Refusal where the person should read why.
func (d *Directory) ByCertificate(ctx context.Context, c *ssh.Certificate, from netip.Addr) (who policy.Principal, err error) {
	if d.PeopleCA == nil {
		return policy.Principal{}, errors.New("there is no people CA")
	}
	id, err := certified(c, d.PeopleCA.PublicKey())
	if err != nil {
		return policy.Principal{}, err
	}
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		said, err := d.loggedIn(tx, id, ssh.FingerprintSHA256(c.Key))
		if r := new(Refusal); errors.As(err, &r) {
			return &Refusal{"your login was ended: run `lockbox login` again", errors.Join(ErrLoginEnded, err)}
		}
		if err != nil {
			return err
		}
		since, until, err := said.Times()
		switch {
		case err != nil:
			return err
		case c.ValidBefore != uint64(until.Unix()) || c.CriticalOptions[sourceAddress] != said.Source:
			return errors.New("the certificate says something else than its login")
		case tx.Now().Before(since.Add(-certEarly)) || !tx.Now().Before(until):
			return &Refusal{"your login is over: run `lockbox login` again", ErrLoginOver}
		case from.Unmap().String() != said.Source:
			return &Refusal{fmt.Sprintf("your login counts from %s only, and you come from %s: run `lockbox login` again", said.Source, from.Unmap()), ErrLoginElsewhere}
		}
		p, err := person(tx, id)
		who = p.Principal
		return err
	})
	if err != nil {
		return policy.Principal{}, err
	}
	return who, nil
}

// Why a certificate of ours does not count any more.
var (
	ErrLoginOver      = errors.New("the time of the login is up")
	ErrLoginEnded     = errors.New("the login was ended")
	ErrLoginElsewhere = errors.New("the login is for another address")
)
