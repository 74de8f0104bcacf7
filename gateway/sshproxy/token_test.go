package sshproxy

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/api"
	invites "lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/tests/e2e/harness"
	"lockbox/tests/world"
)

var tokenLine = regexp.MustCompile(`\Albx_[0-9A-Za-z_-]{43}\n\z`)

// tokenHouse is a house whose door makes tokens.
func tokenHouse(t *testing.T) (*house, *api.Tokens) {
	t.Helper()
	var made *api.Tokens
	h, _ := stubHouse(t, echo, func(d *Door) {
		made = &api.Tokens{Ledger: d.Gateway.Ledger, People: d.People.(*invites.Directory)}
		d.Tokens = made
	})
	return h, made
}

// lookUp is what a token is that a command printed.
func lookUp(t *testing.T, all *api.Tokens, printed string) (api.Token, policy.Principal) {
	t.Helper()
	k, who, err := all.Lookup(t.Context(), strings.TrimSpace(printed))
	if err != nil {
		t.Fatal(err)
	}
	return k, who
}

func TestATokenStandsAloneOnItsLine(t *testing.T) {
	h, all := tokenHouse(t)
	c := h.dial(t, "cli", h.Eng)
	for _, row := range []struct {
		command, scopes string
		life            time.Duration
	}{
		{"token", "read", 15 * time.Minute},
		{"token --scope=", "read", 15 * time.Minute},
		{"token --scope ask,read --for 5m", "ask,read", 5 * time.Minute},
		{"token --scope end,ask,read,read --for=1h", "ask,end,read", time.Hour},
	} {
		got := run(t, c, row.command)
		if got.Status != 0 || got.Stderr != "" || !tokenLine.MatchString(got.Stdout) {
			t.Errorf("%s: got %+v", row.command, got)
			continue
		}
		k, who := lookUp(t, all, got.Stdout)
		if who.ID != h.Eng.ID || k.Key != ssh.FingerprintSHA256(h.Eng.SSH.PublicKey()) || strings.Join(k.Scopes, ",") != row.scopes || k.Until.Sub(k.Made) != row.life {
			t.Errorf("%s: got %+v of %s", row.command, k, who.ID)
		}
	}
}

func TestATokenAsJSONSaysUntilWhen(t *testing.T) {
	h, all := tokenHouse(t)
	got := run(t, h.dial(t, "cli", h.Eng), "token --json --for 2m")
	var made struct {
		Token string    `json:"token"`
		Until time.Time `json:"until"`
	}
	if err := json.Unmarshal([]byte(got.Stdout), &made); err != nil || got.Status != 0 || got.Stderr != "" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if k, _ := lookUp(t, all, made.Token); !k.Until.Truncate(time.Second).Equal(made.Until) {
		t.Errorf("it says until %s, and is until %s", made.Until, k.Until)
	}
}

func TestATokenThatIsAskedForWronglyIsNotMade(t *testing.T) {
	h, all := tokenHouse(t)
	c := h.dial(t, "cli", h.Eng)
	for _, row := range []struct {
		command string
		status  int
		says    string
	}{
		{"token --scope approve", 77, "the scopes of a token are read, ask, end"},
		{"token --scope read,", 77, "the scopes of a token are"},
		{"token --scope READ", 77, "the scopes of a token are"},
		{"token --scope *", 77, "the scopes of a token are"},
		{"token --for 2h", 77, "a token lives for 1m to 1h"},
		{"token --for 59s", 77, "a token lives for 1m to 1h"},
		{"token --for 0", 2, "help"},
		{"token --for -5m", 2, "help"},
		{"token --for ever", 2, "help"},
		{"token eng@x.eu", 2, "help"},
		{"token --scope read --scope end", 2, "--scope is given twice"},
		{"token --reason because", 2, "belongs to"},
		{"token --login deploy", 2, "belongs to"},
		{"status --scope end", 2, "--scope belongs to `token`"},
	} {
		got := run(t, c, row.command)
		if got.Status != row.status || got.Stdout != "" || !strings.Contains(got.Stderr, row.says) {
			t.Errorf("%s: got %+v, want %d %q", row.command, got, row.status, row.says)
		}
	}
	if left, err := all.List(t.Context(), h.Eng.Principal); err != nil || len(left) != 0 {
		t.Errorf("there are tokens: %+v, %v", left, err)
	}
}

func TestADoorWithoutTokensSaysSo(t *testing.T) {
	h, _ := stubHouse(t, echo)
	if got := run(t, h.dial(t, "cli", h.Eng), "token"); got.Status != 2 || got.Stdout != "" || !strings.Contains(got.Stderr, "gives no tokens") {
		t.Errorf("got %+v", got)
	}
}

func TestWhoIsNotConfirmedGetsNoToken(t *testing.T) {
	h, all := tokenHouse(t)
	stranger := h.Enrol(t, invites.Invite{ID: "new@x.eu", Name: "New", Kind: policy.Staff}, true)
	c, err := ssh.Dial("tcp", h.Addr, h.clientConfig("cli", stranger.SSH))
	if err == nil {
		defer c.Close()
		if got := run(t, c, "token"); got.Stdout != "" || got.Status == 0 {
			t.Errorf("got %+v", got)
		}
	}
	if left, err := all.List(t.Context(), stranger.Principal); err != nil || len(left) != 0 {
		t.Errorf("there are tokens: %+v, %v", left, err)
	}
}

// A door that asked too early: the key goes between the handshake and the command.
func TestAKeyThatWasTakenAwayMakesNoTokenAndEndsThoseItMade(t *testing.T) {
	h, all := tokenHouse(t)
	c := h.dial(t, "cli", h.Eng)
	made := run(t, c, "token --scope read,ask,end").Stdout
	lookUp(t, all, made)
	key := ssh.FingerprintSHA256(h.Eng.SSH.PublicKey())
	if err := h.People.RemoveSSHKey(t.Context(), h.Eng.ID, key); err != nil {
		t.Fatal(err)
	}
	if got := run(t, c, "token"); got.Status == 0 || got.Stdout != "" {
		t.Errorf("got %+v", got)
	}
	if _, _, err := all.Issue(t.Context(), h.Eng.Principal, key, nil, 0); err == nil || !strings.Contains(err.Error(), "does not count any more") {
		t.Errorf("got %v", err)
	}
	if _, _, err := all.Lookup(t.Context(), strings.TrimSpace(made)); !errors.Is(err, api.ErrToken) {
		t.Errorf("the old token: got %v", err)
	}
}

func TestAReviewersTokenIsTheirs(t *testing.T) {
	h, all := tokenHouse(t)
	for _, who := range []*world.Human{h.Ann, h.Ceo} {
		c := h.withKey(t, who)
		k, p := lookUp(t, all, run(t, c, "token --scope end").Stdout)
		if k.Kind != who.Kind || k.Customer != who.Customer || !k.Admitted || p.ID != who.ID {
			t.Errorf("got %+v of %+v", k, p)
		}
	}
}

func TestTheTwentyFirstTokenIsRefused(t *testing.T) {
	h, _ := tokenHouse(t)
	c := h.dial(t, "cli", h.Eng)
	for i := range 21 {
		got := run(t, c, "token")
		if ok := got.Status == 0; ok != (i < 20) || !ok && !strings.Contains(got.Stderr, "wait until one of them is over") {
			t.Fatalf("token %d: got %+v", i+1, got)
		}
	}
}

// A token that a terminal shows is in no recording, event or row, and in no report.
func TestATokenOnATerminalIsWrittenDownNowhere(t *testing.T) {
	h, all := tokenHouse(t)
	f := onScreen(t, h.dial(t, "cli", h.Eng), "token")
	secret := f.expect(`(lbx_[0-9A-Za-z_-]{43})\r\n`)[1]
	if got := f.wait(5 * time.Second); got != 0 {
		t.Errorf("exit %d", got)
	}
	lookUp(t, all, secret)
	events, err := h.Ledger.After(t.Context(), -1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil || strings.Contains(string(text), secret[4:]) || strings.HasPrefix(e.Kind, "session.open") {
			t.Errorf("%s tells of it, %v", text, err)
		}
	}
	if all := h.Failures(); len(all) > 0 {
		t.Errorf("reported: %v", all)
	}
}

// noStore makes no tokens: the store is away.
type noStore struct{}

func (noStore) Issue(context.Context, policy.Principal, string, []string, time.Duration) (string, time.Time, error) {
	return "", time.Time{}, io.ErrUnexpectedEOF
}

func TestAFailureToMakeATokenIsAReference(t *testing.T) {
	h, _ := stubHouse(t, echo, func(d *Door) { d.Tokens = noStore{} })
	got := run(t, h.dial(t, "cli", h.Eng), "token")
	if got.Status == 0 || got.Stdout != "" || strings.Contains(got.Stderr, "EOF") {
		t.Errorf("got %+v", got)
	}
	i := harness.NewIdentity(t)
	h.addKey(t, h.Eng, i)
	if out := h.openSSH(t, i).Run("", append(harness.To("gateway", h.Addr), "token")...); out.Code == 0 || out.Stdout != "" {
		t.Errorf("TOKEN=$(ssh …) would hold %+v", out)
	}
}
