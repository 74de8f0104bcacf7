package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/identity"
)

// Logins lets terminals log in: `lockbox login`. Who may is not for a token to
// say: a person says it with their passkey, on the page whose address is given.
type Logins interface {
	BeginLogin(ctx context.Context, m identity.Meta, key string, life time.Duration) (identity.Begun, error)
	AwaitLogin(ctx context.Context, secret string) (identity.Outcome, error)
	Logout(ctx context.Context, m identity.Meta, c *ssh.Certificate, sig *ssh.Signature) error
}

// A Terminal wants to log in.
type Terminal struct {
	Key string `json:"key" doc:"ssh-ed25519 public key made for this login, as one authorized_keys line"`
	For Span   `json:"for,omitempty" doc:"how long; 15m where none is given, 8h at most"`
}

// A WaitingLogin is what the terminal shows, and by what it asks again.
type WaitingLogin struct {
	Secret string    `json:"secret" doc:"for POST /logins/wait; nobody else may have it"`
	URL    string    `json:"url" doc:"the page where a passkey answers"`
	Number string    `json:"number" doc:"two digits to be typed there; three tries"`
	Until  time.Time `json:"until"`
	For    Span      `json:"for"`
}

// A LoginSecret is that of a WaitingLogin.
type LoginSecret struct {
	Secret string `json:"secret"`
}

// A LoginState is what has become of it.
type LoginState struct {
	State       identity.LoginState `json:"state" doc:"waiting, void (three wrong numbers) or given"`
	Who         string              `json:"who,omitempty"`
	Name        string              `json:"name,omitempty"`
	Certificate string              `json:"certificate,omitempty" doc:"OpenSSH user certificate of the key, one line"`
	Until       *time.Time          `json:"until,omitempty"`
}

// A Logout ends a login: its key signs identity.LogoutText.
type Logout struct {
	Certificate string `json:"certificate"`
	Signature   string `json:"signature" doc:"base64 of the SSH signature (RFC 8709) over \"lockbox/logout/v1\", a zero byte and the certificate"`
}

var errNoLogin = &problem{http.StatusNotFound, Problem{Code: CodeUnknown, Message: "no terminal waits here any more", Do: "begin again: `lockbox login`"}}

// routesOfLogins answer without a token: who has none yet logs in.
func (a *API) routesOfLogins() []route {
	if a.Logins == nil {
		return nil
	}
	all := []route{
		post("/logins", "", "Let a terminal log in: a person types its number on the page and touches their passkey", (*call).beginLogin),
		post("/logins/wait", "", "What became of it; answers within 25s, when it is decided or not", (*call).awaitLogin),
		post("/logins/end", "", "End a login with its own key", (*call).logout),
	}
	for i := range all {
		all[i].open = true
	}
	return all
}

func (c *call) meta() identity.Meta { return identity.Meta{Source: c.source().String()} }

func (c *call) beginLogin(t Terminal) (WaitingLogin, error) {
	b, err := c.a.Logins.BeginLogin(c.ctx(), c.meta(), t.Key, time.Duration(t.For))
	if err != nil {
		return WaitingLogin{}, err
	}
	return WaitingLogin{Secret: b.Secret, URL: c.a.page("/l/" + b.Code), Number: b.Number, Until: b.Until, For: Span(b.Life)}, nil
}

func (c *call) awaitLogin(s LoginSecret) (LoginState, error) {
	at := "source " + network(c.source())
	if !c.a.alone.take(at) {
		return LoginState{}, errSlow
	}
	defer c.a.alone.leave(at)
	ctx, stop := context.WithTimeout(c.ctx(), maxWait)
	defer stop()
	out, err := c.a.Logins.AwaitLogin(ctx, s.Secret)
	switch {
	case errors.Is(err, identity.ErrNoLogin):
		return LoginState{}, errNoLogin
	case err != nil:
		return LoginState{}, err
	case out.State != identity.LoginGiven:
		return LoginState{State: out.State}, nil
	}
	return LoginState{out.State, out.Who.ID, out.Who.Name, string(out.Certificate), &out.Until}, nil
}

func (c *call) logout(l Logout) (Nothing, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(l.Certificate))
	cert, ok := key.(*ssh.Certificate)
	if err != nil || !ok {
		return Nothing{}, malformed("certificate is not an OpenSSH certificate")
	}
	b, err := base64.StdEncoding.DecodeString(l.Signature)
	sig := new(ssh.Signature)
	if err == nil {
		err = ssh.Unmarshal(b, sig)
	}
	if err != nil {
		return Nothing{}, malformed("signature is not an SSH signature in base64")
	}
	if err := c.a.Logins.Logout(c.ctx(), c.meta(), cert, sig); err != nil {
		return Nothing{}, fmt.Errorf("log out: %w", err)
	}
	return Nothing{}, nil
}
