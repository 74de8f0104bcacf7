package console

import (
	"context"
	"strings"
	"time"

	"lockbox/gateway/sshproxy/speech"
)

// token gives a token for the API, alone on its line: TOKEN=$(ssh GATEWAY token).
func (c *console) token(ctx context.Context, a args) (int, error) {
	if len(a.rest) > 0 {
		return 0, usage("%s", c.say.seeHelp)
	}
	if c.Tokens == nil {
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
	secret, until, err := c.Tokens.Issue(ctx, c.by.Who, c.by.Key, scopes, life)
	if err != nil {
		return 0, err
	}
	if c.json {
		return Done, c.object(map[string]string{"token": secret, "until": until.UTC().Format(time.RFC3339)})
	}
	c.print("%s", secret)
	return Done, nil
}
