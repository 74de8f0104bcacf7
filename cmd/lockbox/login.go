package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"
	"golang.org/x/term"

	"lockbox/gateway/api"
	"lockbox/gateway/identity"
	"lockbox/gateway/sshproxy/speech"
)

func loginCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "login", Short: "Touch your passkey once for all sessions from this terminal", Args: args(0),
		Long: "Touch your passkey once for all sessions from this terminal: it makes an SSH key, and you say on a page\n" +
			"that the key stands for you. While each rule lets that touch count, sessions under a grant start without another.\n" +
			"The key is kept in your ssh-agent, or in files with --out; it counts from this address only.",
	}
	long := c.Flags().String("for", "", "how long: 15m to 8h; 15m without")
	out := c.Flags().String("out", "", "write the key into this file, and its certificate beside it, in place of the ssh-agent")
	c.RunE = keeps(out, func(ctx context.Context, j job, keep keeper) error {
		life, err := spanOf(*long)
		if err != nil {
			return err
		}
		if err := keep.ready(j.host); err != nil {
			return err
		}
		return j.login(ctx, life, keep)
	})
	return c
}

func logoutCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "logout", Short: "End what `lockbox login` began: its sessions end with it", Args: args(0),
	}
	out := c.Flags().String("out", "", "the file that `lockbox login --out` wrote; the ssh-agent's keys without")
	c.RunE = keeps(out, func(ctx context.Context, j job, keep keeper) error { return j.logout(ctx, keep) })
	return c
}

// keeps makes a function into what a command runs that needs no token, and a place for keys.
func keeps(out *string, fn func(context.Context, job, keeper) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		to, err := newCaller(c)
		if err != nil {
			return err
		}
		keep, err := keeperFor(*out)
		if err != nil {
			return err
		}
		defer keep.close()
		return fn(c.Context(), job{to, c}, keep)
	}
}

// loginSaid is what a program reads of a login.
type loginSaid struct {
	Who         string    `json:"who"`
	Name        string    `json:"name"`
	Until       time.Time `json:"until"`
	Certificate string    `json:"certificate"`
}

// login makes a key, waits until a person says that it stands for them, and keeps it.
func (j job) login(ctx context.Context, life api.Span, keep keeper) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	var w api.WaitingLogin
	ask := api.Terminal{Key: string(ssh.MarshalAuthorizedKey(signer.PublicKey())), For: life}
	if err := j.call(ctx, http.MethodPost, "/logins", ask, &w); err != nil {
		return err
	}
	j.showLogin(w, signer.PublicKey())
	got := api.LoginState{State: identity.LoginWaits}
	for got.State == identity.LoginWaits {
		if err := j.call(ctx, http.MethodPost, "/logins/wait", api.LoginSecret{Secret: w.Secret}, &got); err != nil {
			if ctx.Err() != nil {
				return &exit{exitPending, errors.New("nobody is logged in; `lockbox login` begins again")}
			}
			return err
		}
	}
	if got.State != identity.LoginGiven || got.Until == nil {
		return &exit{exitDenied, errors.New("the wrong number was typed three times, so this login is void; if that was not you, somebody else has the link: `lockbox login` begins again")}
	}
	cert, err := certificateOf(got.Certificate)
	if err == nil && ssh.FingerprintSHA256(cert.Key) != ssh.FingerprintSHA256(signer.PublicKey()) {
		err = errors.New("it is for another key")
	}
	if err != nil {
		return unavailable("the certificate of the login cannot be used: %w; check that this program is as new as the gateway", err)
	}
	if err := keep.put(login{key: key, cert: cert, host: j.host, until: *got.Until}); err != nil {
		return err
	}
	return j.show(loginSaid{got.Who, got.Name, *got.Until, got.Certificate}, func() {
		j.print("you are %s (%s) at %s until %s; %s", got.Name, got.Who, j.host, got.Until.Local().Format("15:04"), keep.where())
	})
}

// showLogin says where to go, and the number that is for nobody else.
func (j job) showLogin(w api.WaitingLogin, key ssh.PublicKey) {
	err := j.c.ErrOrStderr()
	fmt.Fprintf(err, "Open this page, type the number %s there and touch your passkey:\n\n  %s\n\n", plain(w.Number), plain(w.URL))
	if f, ok := err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if cols, rows, e := term.GetSize(int(f.Fd())); e == nil && cols >= 60 && rows >= 30 && os.Getenv("TERM") != "dumb" {
			for _, row := range speech.Square(w.URL) {
				fmt.Fprintln(err, row)
			}
			fmt.Fprintln(err)
		}
	}
	fmt.Fprintf(err, "The page shows the key %s. Give the number to nobody: whoever has it could log in as you, or you as them.\n", ssh.FingerprintSHA256(key))
}

// logout ends the logins that are kept, at the gateway and here.
func (j job) logout(ctx context.Context, keep keeper) error {
	all, err := keep.all(j.host)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return &exit{exitDenied, errors.New("there is no login at " + j.host + " here")}
	}
	for _, l := range all {
		sig, err := keep.sign(l, identity.LogoutText(l))
		if err != nil {
			return fmt.Errorf("sign with the key of the login: %w", err)
		}
		end := api.Logout{Certificate: string(ssh.MarshalAuthorizedKey(l)), Signature: base64.StdEncoding.EncodeToString(ssh.Marshal(sig))}
		err = j.call(ctx, http.MethodPost, "/logins/end", end, &api.Nothing{})
		if refused := new(exit); errors.As(err, &refused) && refused.code == exitDenied {
			err = nil // it had ended already
		}
		if err == nil {
			err = keep.drop(l)
		}
		if err != nil {
			return err
		}
	}
	return j.show(map[string]int{"ended": len(all)}, func() { j.print("logged out of %s", j.host) })
}

// certificateOf reads a user certificate from its line.
func certificateOf(line string) (*ssh.Certificate, error) {
	k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, err
	}
	c, ok := k.(*ssh.Certificate)
	if !ok || c.CertType != ssh.UserCert {
		return nil, errors.New("it is no user certificate")
	}
	return c, nil
}

// ours says whether a certificate is one of a login.
func ours(c *ssh.Certificate) bool {
	return len(c.ValidPrincipals) == 1 && c.KeyId == "lockbox login of "+c.ValidPrincipals[0] && len(c.Extensions) == 0
}

// pemOf is the key as OpenSSH reads it.
func pemOf(key ed25519.PrivateKey, comment string) ([]byte, error) {
	b, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(b), nil
}
