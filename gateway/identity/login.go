package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A terminal that logs in waits for a person: for whom is not known before
// somebody types its number and touches their passkey. Like other asks it is
// lost when the program stops, and writes nothing: what strangers do does not
// fill the ledger.
const (
	loginWait   = 10 * time.Minute
	loginTries  = 3
	loginPrice  = 5 // of a source's steps, see limits
	maxWaiting  = 1000
	waitingEach = 20 // of one source, with all of its IPv6 /64
	loginLeast  = time.Minute
	loginLife   = 15 * time.Minute // where none is asked for
)

// ErrNoLogin means that no terminal waits under this code or secret.
var ErrNoLogin = errors.New("no terminal waits under this code")

// A Begun is what the terminal is told. Secret and Number are for it alone.
type Begun struct {
	Secret string // by which it asks what became of it
	Code   string // of the page: /l/CODE
	Number string // two digits, to be typed there
	Until  time.Time
	Life   time.Duration
}

// A Waiting is what the page shows of a terminal.
type Waiting struct {
	Code   string
	Source string
	Key    string // fingerprint
	Life   time.Duration
	Made   time.Time
	Until  time.Time
}

// A LoginState is what has become of a terminal that logs in.
type LoginState string

// States of it.
const (
	LoginWaits LoginState = "waiting"
	LoginVoid  LoginState = "void" // three wrong numbers
	LoginGiven LoginState = "given"
)

// An Outcome is what the terminal gets.
type Outcome struct {
	State       LoginState
	Who         policy.Principal
	Certificate []byte // one authorized_keys line; of LoginGiven
	Until       time.Time
}

// A waiter is one terminal.
type waiter struct {
	Waiting
	key    ssh.PublicKey
	secret string // hash
	number string
	tries  int
	busy   bool // an answer is being verified
	out    Outcome
	over   chan struct{} // closed once out is more than LoginWaits
}

// terminals are those that wait. The zero value is ready.
type terminals struct {
	mu       sync.Mutex // guards the rest, and what is in it
	byCode   map[string]*waiter
	bySecret map[string]*waiter
}

// put takes a terminal in, if there is room.
func (s *terminals) put(now time.Time, w *waiter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byCode == nil {
		s.byCode, s.bySecret = map[string]*waiter{}, map[string]*waiter{}
	}
	same, at := 0, sourceOf(w.Source)
	for code, o := range s.byCode {
		if !now.Before(o.Until) {
			delete(s.byCode, code)
			delete(s.bySecret, o.secret)
		} else if o.Source == w.Source || at.IsValid() && sourceOf(o.Source) == at {
			same++
		}
	}
	if same >= waitingEach || len(s.byCode) >= maxWaiting {
		return refuse("too many terminals wait for a login: close some, or wait ten minutes")
	}
	if s.byCode[w.Code] != nil {
		return errors.New("begin login: this code is taken") // one in 2^40
	}
	s.byCode[w.Code], s.bySecret[w.secret] = w, w
	return nil
}

// sourceOf is the network of an address; the zero one of what is none.
func sourceOf(source string) netip.Prefix {
	ip, _ := netip.ParseAddr(source)
	return subscriber(ip)
}

// open finds a terminal that still waits. mu is held.
func (s *terminals) open(now time.Time, code string) (*waiter, error) {
	w := s.byCode[code]
	if w == nil || !now.Before(w.Until) || w.out.State != LoginWaits {
		return nil, ErrNoLogin
	}
	return w, nil
}

// BeginLogin lets a terminal wait for a person. line is its ed25519 key as one
// authorized_keys line, made for this; life is how long the login shall last, 0
// for 15 minutes.
func (d *Directory) BeginLogin(_ context.Context, m Meta, line string, life time.Duration) (Begun, error) {
	if now := d.now(); !d.limits.of(m.Source, now).AllowN(now, loginPrice) {
		return Begun{}, refuse("too many tries from where you are: wait a minute")
	}
	key, err := ParseSSHKey(line)
	if err != nil {
		return Begun{}, err
	}
	if life == 0 {
		life = loginLife
	}
	switch {
	case d.PeopleCA == nil:
		return Begun{}, refuse("this gateway gives no logins")
	case key.Type() != ssh.KeyAlgoED25519:
		return Begun{}, refuse("a login takes an ssh-ed25519 key, made for it")
	case life < loginLeast || life > policy.LoginMost || life != life.Truncate(time.Second):
		return Begun{}, refuse("a login lasts 1m to %dh", int(policy.LoginMost.Hours()))
	}
	w := &waiter{key: key, out: Outcome{State: LoginWaits}, over: make(chan struct{})}
	now := d.now()
	w.Waiting = Waiting{Code: loginCode(), Source: m.Source, Key: ssh.FingerprintSHA256(key), Life: life, Made: now, Until: now.Add(loginWait)}
	secret, err := secret()
	if err != nil {
		return Begun{}, fmt.Errorf("begin login: %w", err)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(90))
	if err != nil {
		return Begun{}, fmt.Errorf("begin login: %w", err)
	}
	w.secret, w.number = hash(secret), fmt.Sprint(10+n.Int64())
	if err := d.terminals.put(now, w); err != nil {
		return Begun{}, err
	}
	return Begun{Secret: secret, Code: w.Code, Number: w.number, Until: w.Until, Life: life}, nil
}

// loginCode is 40 bits of chance, as people type them.
func loginCode() string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = digits[b[i]%32]
	}
	return string(b[:])
}

// WaitingLogin shows the terminal that waits under a code; ErrNoLogin for none.
func (d *Directory) WaitingLogin(code string) (Waiting, error) {
	d.terminals.mu.Lock()
	defer d.terminals.mu.Unlock()
	w, err := d.terminals.open(d.now(), code)
	if err != nil {
		return Waiting{}, err
	}
	return w.Waiting, nil
}

// AwaitLogin says what became of the terminal, as soon as something has or ctx is done.
func (d *Directory) AwaitLogin(ctx context.Context, secret string) (Outcome, error) {
	s := &d.terminals
	s.mu.Lock()
	w := s.bySecret[hash(secret)]
	s.mu.Unlock()
	if w == nil || !d.now().Before(w.Until) {
		return Outcome{}, ErrNoLogin
	}
	select {
	case <-w.over:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.out, nil
}

// numbered checks what was typed. wrong is a refusal with kind, the event to write down.
func (s *terminals) numbered(now time.Time, code, number string) (w *waiter, kind string, wrong error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.open(now, code)
	if err != nil {
		return nil, "", err
	}
	if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(number)), []byte(w.number)) == 1 {
		return w, "login.shown", nil
	}
	if w.tries++; w.tries < loginTries {
		return w, "login.wrong-number", refuse("that is not the number in your terminal; %d tries left", loginTries-w.tries)
	}
	w.out.State = LoginVoid
	close(w.over)
	return w, "login.void", refuse("that was the third wrong number; this login is void. If you did not start it, tell security")
}

// take has one answer verified at a time; the caller gives back.
func (s *terminals) take(now time.Time, code string) (*waiter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.open(now, code)
	if err == nil && w.busy {
		err = refuse("this login is being signed already")
	}
	if err != nil {
		return nil, err
	}
	w.busy = true
	return w, nil
}

// giveBack lets the terminal go on waiting, or know what it has got.
func (s *terminals) giveBack(w *waiter, out *Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.busy = false
	if out != nil && w.out.State == LoginWaits {
		w.out = *out
		close(w.over)
	}
}

// noteLogin writes down what somebody did about a terminal.
func (d *Directory) noteLogin(ctx context.Context, w *waiter, kind, who string, detail map[string]string) error {
	return d.update(ctx, func(tx *ledger.Tx) error {
		p, err := person(tx, who)
		if err != nil {
			return err
		}
		all := map[string]string{"ssh-key": w.Key}
		for k, v := range detail {
			all[k] = v
		}
		_, err = tx.Append(ledger.Event{
			Kind: kind, Actor: who, Customers: subjects(p.Customer), Detail: all, Private: map[string]string{"from": w.Source},
		})
		return err
	})
}
