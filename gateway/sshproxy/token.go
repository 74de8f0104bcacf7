package sshproxy

import (
	"context"
	"strings"
	"time"

	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// Tokens makes tokens for the API.
type Tokens interface {
	// Issue makes one for who has just proven key. The secret is shown once.
	Issue(ctx context.Context, who policy.Principal, key string, scopes []string, life time.Duration) (secret string, until time.Time, err error)
}

// token gives a token for the API, alone on its line: TOKEN=$(ssh GATEWAY token).
func (c *console) token(a args) (int, error) {
	d := c.s.c.door
	if len(a.rest) > 0 {
		return 0, usage("%s", c.say.seeHelp)
	}
	if d.Tokens == nil {
		return 0, usage("%s", c.say.noTokens)
	}
	var scopes []string
	if s := a.flag["--scope"]; s != "" {
		scopes = strings.Split(s, ",")
	}
	var life time.Duration // 0: the default
	if s := a.flag["--for"]; s != "" {
		var ok bool
		if life, ok = speech.ReadLong(s); !ok {
			return 0, usage("%s", c.say.seeHelp)
		}
	}
	secret, until, err := d.Tokens.Issue(c.s.ctx, c.who, c.s.c.id.fingerprint, scopes, life)
	if err != nil {
		return 0, err
	}
	if c.json {
		return exitDone, c.object(map[string]string{"token": secret, "until": until.UTC().Format(time.RFC3339)})
	}
	c.print("%s", secret)
	return exitDone, nil
}
