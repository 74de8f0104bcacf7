package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/tests/fakes/receiver"
)

// TestAReceiverIsToldAgainByCommand, which says what it did; and the receiver's secret is in nothing that it says.
func TestAReceiverIsToldAgainByCommand(t *testing.T) {
	const secret = "hunter2-of-the-receiver-hunter2"
	hook := receiver.Start(t, secret)
	dir, conf := installed(t)
	for name, text := range map[string]string{"hook.secret": secret, "hook.pem": string(hook.CA)} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	b, err := os.ReadFile(conf)
	must(t, err)
	text := string(b) + "\nnotify: { webhooks: [ { name: siem, url: \"" + hook.URL + "\", secrets: [\"file:hook.secret\"], allow: [\"127.0.0.0/8\"], ca: \"" + filepath.Join(dir, "hook.pem") + "\" } ] }\n"
	must(t, os.WriteFile(conf, []byte(text), 0o600))
	c, err := readConfig(conf)
	must(t, err)
	var log strings.Builder
	s, err := Open(t.Context(), c, slog.New(slog.NewTextHandler(&log, nil)))
	must(t, err)
	must(t, s.Listen())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	end := func() {
		stop()
		must(t, <-done)
		must(t, s.Close())
	}
	defer func() { end() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if by, behind := s.tells.follower.Counts(); len(by) > 0 && behind == 0 {
			break
		}
	}
	last := s.Ledger.Last()
	said := []ran{
		lockboxes(t, "notify", "replay", "--config", conf).want(t, 2, "--from SEQ --webhook NAME"),
		lockboxes(t, "notify", "replay", "--from", "0", "--webhook", "other", "--config", conf).want(t, 1, "no webhook of that name"),
		lockboxes(t, "notify", "replay", "--from", "999999", "--webhook", "siem", "--config", conf).want(t, 1, "events have the numbers 0 to"),
		lockboxes(t, "notify", "replay", "--from", "0", "--webhook", "siem", "--config", conf).want(t, 0, "events are on their way to siem", "of 0 to "),
		lockboxes(t, "notify", "replay", "--from", "0", "--webhook", "siem", "--config", conf, "--json").want(t, 0, `"from":0`, `"count":`),
		lockboxes(t, "notify", "dead", "--config", conf, "--json").want(t, 0),
		lockboxes(t, "notify", "preview", "--config", conf, "--json").want(t, 0),
	}
	for range tick.C {
		if posts, _ := hook.Posts(); int64(len(posts)) > 2*last {
			break
		}
	}
	posts, bad := hook.Posts()
	if len(bad) > 0 || len(posts) == 0 || !strings.HasPrefix(posts[0].ID, "evt-") {
		t.Errorf("%v", bad)
	}
	end()
	end = func() {}
	if all := fmt.Sprint(said, log.String(), fmt.Sprintf("%+v %#v", s.tells.hooks, *s.tells.hooks[0])); strings.Contains(all, "hunter2") {
		t.Errorf("it tells the secret: %s", all)
	}
}
