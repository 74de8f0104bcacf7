package identity

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"

	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// An Ask waits for one passkey touch: 5 minutes, one try. It is lost when the
// program stops; the person then begins again.
type Ask struct {
	ID      string          `json:"id"`
	Text    []byte          `json:"text"`    // the statement: show it
	Options json.RawMessage `json:"options"` // for navigator.credentials.get: {"publicKey": {…}}

	domain statement.Domain
	until  time.Time
	who    string // whose touch; "" of a sign-in
	about  string // person, of a vouch
	key    string // fingerprint of a passkey, or authorized_keys line
	fresh  bool   // of an enrolment: the passkey is not confirmed yet
	making *making
}

// maxAsks bounds what waits. When it is full the oldest one goes: its person begins again.
const maxAsks = 4096

// asks holds what waits for a touch. The zero value is ready.
type asks struct {
	mu   sync.Mutex // guards byID
	byID map[string]Ask
}

func (s *asks) put(now time.Time, a Ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]Ask{}
	}
	if len(s.byID) >= maxAsks {
		s.makeRoom(now)
	}
	s.byID[a.ID] = a
}

func (s *asks) makeRoom(now time.Time) {
	oldest := ""
	for id, a := range s.byID {
		if !now.Before(a.until) {
			delete(s.byID, id)
		} else if oldest == "" || a.until.Before(s.byID[oldest].until) {
			oldest = id
		}
	}
	if len(s.byID) >= maxAsks {
		delete(s.byID, oldest)
	}
}

// take hands an ask out once, before anything is verified.
func (s *asks) take(now time.Time, id string) (Ask, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.byID[id]
	delete(s.byID, id)
	if !ok || !now.Before(a.until) {
		return Ask{}, refuse("this waited too long or was used already: begin again")
	}
	return a, nil
}

// ask prepares a touch by somebody over a statement, and keeps it in s.
func (d *Directory) ask(s *asks, a Ask, ids [][]byte) (Ask, error) {
	var err error
	if a.ID, err = secret(); err != nil {
		return Ask{}, fmt.Errorf("ask for a touch: %w", err)
	}
	a.until = d.now().Add(ceremonyLife)
	if a.Options, err = d.options(statement.Challenge(a.domain, a.Text), ids); err != nil {
		return Ask{}, err
	}
	s.put(d.now(), a)
	return a, nil
}

// options is what the browser needs to sign a challenge with one of ids, or with
// any passkey of ours where there are none.
func (d *Directory) options(challenge []byte, ids [][]byte) (json.RawMessage, error) {
	o := protocol.PublicKeyCredentialRequestOptions{
		Challenge:        challenge,
		Timeout:          int(ceremonyLife.Milliseconds()),
		RelyingPartyID:   d.Party.ID,
		UserVerification: protocol.VerificationRequired,
	}
	for _, id := range ids {
		o.AllowedCredentials = append(o.AllowedCredentials, protocol.CredentialDescriptor{
			Type: protocol.PublicKeyCredentialType, CredentialID: id,
		})
	}
	return json.Marshal(protocol.CredentialAssertion{Response: o})
}

// Options is what navigator.credentials.get needs for a statement that who shall
// sign: {"publicKey": {…}}. Verify the answer with Assert.
func (d *Directory) Options(ctx context.Context, who string, dom statement.Domain, text []byte) (o json.RawMessage, err error) {
	err = d.Ledger.View(ctx, func(tx *ledger.Tx) error {
		ids, err := d.usable(tx, who)
		if err != nil {
			return err
		}
		o, err = d.options(statement.Challenge(dom, text), ids)
		return err
	})
	return o, err
}

// usable lists the ids of the passkeys that count for who.
func (d *Directory) usable(tx *ledger.Tx, who string) (ids [][]byte, err error) {
	p, err := person(tx, who)
	if err != nil {
		return nil, err
	}
	for _, f := range p.Passkeys {
		c, err := passkey(tx, f)
		if err != nil {
			return nil, err
		}
		if d.why(p, c) == "" {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil, refuse("%s", noneWhy)
	}
	return ids, nil
}

const noneWhy = "you have no passkey that is confirmed and not locked"

func (d *Directory) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

// nonce is 16 random bytes in hex.
func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
