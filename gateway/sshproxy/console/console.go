package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
	"lockbox/gateway/sshproxy/sshconfig"
	"lockbox/policy"
)

// Exit statuses, as interfaces promise them (sysexits).
const (
	Done    = 0
	Usage   = 2
	Pending = 75
	Denied  = 77
)

// A House is what the commands are about.
type House struct {
	Gateway *gateway.Gateway
	Desk    *approvals.Desk
	Tokens  Tokens                     // nil: `token` gives none
	Portal  string                     // public URL of the pages, without a slash at its end
	Apps    func(target string) string // where an application is; nil: there is no HTTP door
	Now     func() time.Time
	Keys    sshconfig.Setup                      // the keys of the gateway; the rest is filled in
	Address func(hostport string) (string, bool) // where a tunnel may end, in the one spelling that rules have
}

// Tokens makes tokens for the API.
type Tokens interface {
	// Issue makes one for who has just proven key. The secret is shown once.
	Issue(ctx context.Context, who policy.Principal, key string, scopes []string, life time.Duration) (secret string, until time.Time, err error)
}

// A Caller is who runs a command, and from where.
type Caller struct {
	Who      policy.Principal
	Key      string // fingerprint of the key that they have proven
	From     netip.Addr
	Port     int    // of ours, that they came to
	Locale   string // as POSIX has it
	Terminal Terminal
	// Secret asks for what nobody else may read: on a terminal without showing
	// it, else it is the first line of what the command is given. Nil: nobody can be asked.
	Secret func(prompt string) (string, error)
	// Look begins to find out whether a target answers; what it gives says so when it does not.
	Look func(target string) (notNow func() string)
}

// A Terminal is where a person can be asked something meanwhile; nil where there
// is none. An error is for the person, and ends the command.
type Terminal interface {
	Choose(customers []string) (string, error) // whose data a request is about
	Ask(gateway.Knock, gateway.Answer) error   // gets a request, and sends it
	Promise(gateway.Knock, approvals.View) (yes bool, err error)
}

// An Answer is what a command comes to.
type Answer struct {
	Text   string
	Wrong  bool // Text is why it was not done
	Status int
}

// Answer runs one command line; the empty one is what somebody gets who comes
// with nothing to do. An error is why it was not done, but for what is wrong with
// the line itself.
func (h House) Answer(ctx context.Context, by Caller, line string) (Answer, error) {
	c := &console{House: h, by: by, say: speak(by.Locale, h.Desk.Policy)}
	status, err := c.run(ctx, line)
	var bad *errUsage
	switch {
	case errors.As(err, &bad):
		return Answer{bad.why + "\n" + c.say.seeHelp, true, Usage}, nil
	case err != nil:
		return Answer{}, err
	}
	return Answer{c.out.String(), false, status}, nil
}

// A console is one command of one person.
type console struct {
	House
	by   Caller
	say  *texts
	json bool
	out  strings.Builder
}

// errUsage is a command that is not written as help says.
type errUsage struct{ why string }

func (e *errUsage) Error() string { return e.why }

func usage(format string, args ...any) error { return &errUsage{fmt.Sprintf(format, args...)} }

// run does one command and gives the exit status.
func (c *console) run(ctx context.Context, line string) (int, error) {
	if strings.TrimSpace(line) == "" {
		if c.by.Terminal == nil {
			return c.help()
		}
		return c.overview(ctx)
	}
	words, err := Split(line)
	if err != nil || len(words) == 0 {
		return 0, usage(c.say.noWords, err)
	}
	a, err := parseArgs(words[1:])
	if err != nil {
		return 0, err
	}
	c.json = a.json
	if err := a.belong(words[0]); err != nil {
		return 0, err
	}
	switch words[0] {
	case "request":
		return c.request(ctx, a)
	case "glass":
		return c.glass(ctx, a)
	case "status":
		return c.status(ctx, a)
	case "extend":
		return c.extend(ctx, a)
	case "accept":
		return c.accept(ctx, a)
	case "say":
		return c.remark(ctx, a)
	case "revoke":
		return c.revoke(ctx, a)
	case "reject":
		return c.reject(ctx, a)
	case "approve":
		return c.approve(ctx, a)
	case "cancel":
		return c.end(ctx, a, c.Desk.Withdraw, c.say.cancelled)
	case "give-back":
		return c.end(ctx, a, c.Desk.GiveBack, c.say.givenBack)
	case "targets":
		return c.targets()
	case "grants":
		return c.grants(ctx)
	case "motions":
		return c.motions(ctx, a)
	case "oppose":
		return c.oppose(ctx, a)
	case "token":
		return c.token(ctx, a)
	case "ssh-config":
		return c.setup(a)
	case "help", "--help", "-h":
		return c.help()
	}
	return 0, usage(c.say.unknownCommand, words[0])
}

// print writes a line of the answer. What people typed is made harmless.
func (c *console) print(format string, args ...any) {
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		c.out.WriteString(speech.Clean(line) + "\n")
	}
}

// object writes v as the answer, where the person wants JSON.
func (c *console) object(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	c.out.Write(append(text, '\n'))
	return nil
}
