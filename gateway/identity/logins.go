package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/policy/statement"
	"lockbox/recorder/ledger"
)

// maxLogins bounds the logins of one person whose time is not up.
const maxLogins = 20

// loginKept is how long a login is remembered after its time: sessions that it
// opened may last so long.
const loginKept = policy.HardMax + policy.Grace + time.Hour

// An SSHLogin is a login that a passkey signed for. Nothing is believed of its
// row but what Signed says.
type SSHLogin struct {
	Of          string    `json:"of"`
	Fingerprint string    `json:"fingerprint"` // of the SSH key
	Source      string    `json:"source"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
	Passkey     []byte    `json:"passkey"` // id of the credential that signed
	Signed      Signed    `json:"signed"`
}

func loginKey(person, fingerprint string) string { return "login/" + person + "/" + fingerprint }

// PrepareLogin checks the number that who typed for the terminal, and asks for
// their touch. Three wrong numbers end it.
func (d *Directory) PrepareLogin(ctx context.Context, who, code, number string) (Ask, error) {
	var ids [][]byte
	err := d.Ledger.View(ctx, func(tx *ledger.Tx) (err error) {
		ids, err = d.usable(tx, who)
		return err
	})
	if err != nil {
		return Ask{}, err
	}
	w, kind, wrong := d.terminals.numbered(d.now(), code, number)
	if wrong != nil {
		if w == nil {
			return Ask{}, wrong
		}
		return Ask{}, cmp.Or(d.noteLogin(ctx, w, kind, who, nil), wrong)
	}
	from := d.now().UTC().Truncate(time.Second)
	text, err := statement.Login{
		Log: d.Log, Person: who, Key: w.Key, Source: w.Source,
		From: statement.Moment(from), Until: statement.Moment(from.Add(w.Life)), Nonce: nonce(),
	}.Bytes()
	if err != nil {
		return Ask{}, fmt.Errorf("prepare login: %w", err)
	}
	if err := d.noteLogin(ctx, w, kind, who, map[string]string{"statement-sha256": hash(string(text))}); err != nil {
		return Ask{}, err
	}
	return d.ask(&d.asks, Ask{Text: text, domain: statement.ForLogin, who: who, key: code}, ids)
}

// LogIn takes the signed statement: from now on the terminal's key stands for who.
func (d *Directory) LogIn(ctx context.Context, who, id string, assertionJSON []byte) error {
	ask, a, err := d.answered(who, id, statement.ForLogin, assertionJSON)
	if err != nil {
		return err
	}
	w, err := d.terminals.take(d.now(), ask.key)
	if err != nil {
		return err
	}
	var out *Outcome
	defer func() { d.terminals.giveBack(w, out) }()
	var got Outcome
	err = d.update(ctx, func(tx *ledger.Tx) (err error) {
		got, err = d.logIn(tx, w, ask, a)
		return err
	})
	if err == nil {
		out = &got
	}
	return err
}

func (d *Directory) logIn(tx *ledger.Tx, w *waiter, ask Ask, a statement.Assertion) (Outcome, error) {
	c, err := d.assert(tx, claim{domain: ask.domain, text: ask.Text, who: ask.who}, a)
	if err != nil {
		return Outcome{}, err
	}
	who, err := d.Current(tx, ask.who)
	if err != nil {
		return Outcome{}, err
	}
	bound := binding(ask.domain, ask.Text)
	dec := d.policy().Decide(policy.Question{
		Now: tx.Now(), Who: who, Do: policy.LogIn, Binding: bound,
		Proofs: []policy.Proof{{Kind: policy.Passkey, Of: who.ID, At: tx.Now(), For: bound}},
	})
	if dec.Verdict != policy.Allow {
		return Outcome{}, refuse("%s", dec.Why.String())
	}
	if err := loginRoom(tx, who.ID, w.key); err != nil {
		return Outcome{}, err
	}
	l := SSHLogin{Of: who.ID, Fingerprint: w.Key, Source: w.Source, Passkey: c.ID, Signed: Signed{ask.Text, a}}
	said, err := l.said(d.Log)
	if err != nil {
		return Outcome{}, err
	}
	if l.From, l.Until, err = said.Times(); err != nil {
		return Outcome{}, err
	}
	cert, err := d.certify(w.key, said)
	if err != nil {
		return Outcome{}, err
	}
	if err := tx.Put(loginKey(l.Of, l.Fingerprint), l); err != nil {
		return Outcome{}, err
	}
	_, err = tx.Append(ledger.Event{
		Kind: "login.given", Actor: who.ID, Customers: subjects(who.Customer), Private: map[string]string{"from": l.Source},
		Detail: map[string]string{
			"ssh-key": l.Fingerprint, "passkey": c.Fingerprint, "until": said.Until, "certificate": hash(string(cert.Marshal())),
			"statement-sha256": hash(string(ask.Text)), "signature": hash(string(a.Signature)),
		},
	})
	return Outcome{LoginGiven, who, ssh.MarshalAuthorizedKey(cert), l.Until}, err
}

// loginRoom says whether the key can stand for who: it is made for this login, so
// it is nobody's otherwise.
func loginRoom(tx *ledger.Tx, who string, k ssh.PublicKey) error {
	pf, err := pkixFingerprint(k)
	if err != nil {
		return err
	}
	if ok, err := tx.Verified(ownerKey(pf), &owner{}); err != nil || ok {
		return orRefuse(err, takenWhy)
	}
	if ok, err := tx.Verified(loginKey(who, ssh.FingerprintSHA256(k)), &SSHLogin{}); err != nil || ok {
		return orRefuse(err, takenWhy)
	}
	n := 0
	err = eachLogin(tx, who, func(_ string, l SSHLogin) {
		if tx.Now().Before(l.Until) {
			n++
		}
	})
	if err == nil && n >= maxLogins {
		err = refuse("you have %d logins: end one first", maxLogins)
	}
	return err
}

// eachLogin shows every login of a person, "" for all of them. Its rows are not proven.
func eachLogin(tx *ledger.Tx, who string, fn func(key string, l SSHLogin)) error {
	prefix := "login/"
	if who != "" {
		prefix = loginKey(who, "")
	}
	err := tx.Scan(prefix, func(key string, raw json.RawMessage) (bool, error) {
		var l SSHLogin
		err := json.Unmarshal(raw, &l)
		if err == nil {
			fn(key, l)
		}
		return true, err
	})
	if err != nil {
		return fmt.Errorf("read logins: %w", err)
	}
	return nil
}

// said reads what was signed, which must be what the row tells.
func (l SSHLogin) said(log string) (statement.Login, error) {
	said, err := statement.ParseLogin(l.Signed.Text)
	if err != nil {
		return statement.Login{}, err
	}
	if said.Log != log || said.Person != l.Of || said.Key != l.Fingerprint || said.Source != l.Source {
		return statement.Login{}, fmt.Errorf("the login of %s with %s is signed for something else", l.Of, l.Fingerprint)
	}
	return said, nil
}

// loggedIn gives what a person signed for an SSH key at a login that was not
// ended, proven from the signed bytes, whether or not its time is up. A *Refusal
// where there is none, or its passkey does not count any more.
func (d *Directory) loggedIn(tx *ledger.Tx, who, fingerprint string) (statement.Login, error) {
	var l SSHLogin
	ok, err := tx.Verified(loginKey(who, fingerprint), &l)
	switch {
	case err != nil:
		return statement.Login{}, fmt.Errorf("read login: %w", err)
	case !ok || l.Of != who || l.Fingerprint != fingerprint:
		return statement.Login{}, refuse("there is no login with this key")
	}
	said, err := l.said(d.Log)
	if err != nil {
		return statement.Login{}, err
	}
	c, err := credential(tx, l.Passkey)
	if err != nil {
		return statement.Login{}, err
	}
	p, err := person(tx, who)
	if err != nil {
		return statement.Login{}, err
	}
	if why := d.why(p, c); why != "" {
		return statement.Login{}, refuse("%s", why)
	}
	key, err := statement.ParseKey(c.PKIX)
	if err != nil {
		return statement.Login{}, fmt.Errorf("passkey %s: %w", c.Fingerprint, err)
	}
	if _, err := d.signed.Verify(l.Signed.Assertion, key, statement.Challenge(statement.ForLogin, l.Signed.Text), d.Party); err != nil {
		return statement.Login{}, err
	}
	return said, nil
}

// holdsLogin says whether a login of the person's with the key has not ended, and its time is not up.
func (d *Directory) holdsLogin(tx *ledger.Tx, who, fingerprint string) (bool, error) {
	said, err := d.loggedIn(tx, who, fingerprint)
	if r := new(Refusal); errors.As(err, &r) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, until, err := said.Times()
	return err == nil && tx.Now().Before(until), err
}

// Logins gives what a person signed at `lockbox login`, each proven from the
// signed bytes: for the SSH key; and where that is an sk- key which they
// enrolled (hardware), all others too. None that was ended; those whose time is
// up, too.
func (d *Directory) Logins(tx *ledger.Tx, who, fingerprint string) (all []statement.Login, hardware bool, err error) {
	if hardware, err = d.hardware(tx, who, fingerprint); err != nil {
		return nil, false, err
	}
	keys := []string{fingerprint}
	if hardware {
		if err := eachLogin(tx, who, func(_ string, l SSHLogin) { keys = append(keys, l.Fingerprint) }); err != nil {
			return nil, false, err
		}
	}
	for _, f := range keys {
		said, err := d.loggedIn(tx, who, f)
		if r := new(Refusal); errors.As(err, &r) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		all = append(all, said)
	}
	return all, hardware, nil
}

// hardware says whether the key is an sk- key that the person enrolled. That
// somebody touched it is proven at each authentication (x/crypto refuses a
// signature without the user-present bit, and we never waive it); that it knew
// who touched it is not: whatever it says of a verified user is not looked at.
func (d *Directory) hardware(tx *ledger.Tx, who, fingerprint string) (bool, error) {
	s, err := d.counting(tx, fingerprint)
	if r := new(Refusal); errors.As(err, &r) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	k, err := ssh.ParsePublicKey(s.Key)
	if err != nil {
		return false, fmt.Errorf("ssh key %s: %w", fingerprint, err)
	}
	return s.Of == who && slices.Contains([]string{ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256}, k.Type()), nil
}
