package main

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"lockbox/approvals/notify"
	"lockbox/approvals/slack"
	"lockbox/gateway/portal"
	"lockbox/recorder/ledger"
)

// A Slack is the app in a workspace. With neither socket nor signing its cards hold a link and nothing to press.
type Slack struct {
	Team       string `yaml:"team"`       // id of the workspace: "T024BE7LD"
	App        string `yaml:"app"`        // id of the app there: "A012ABCD0A0"
	Enterprise string `yaml:"enterprise"` // id of the organisation that the workspace is of; "" for none
	Channel    string `yaml:"channel"`    // id of the channel that is told in one line each: "C024BE91L"; "" for none
	Bot        string `yaml:"bot"`        // "file:slack.bot" or "env:SLACK_BOT": the token of the bot
	Socket     string `yaml:"socket"`     // reference to the app-level token, for Socket Mode
	Signing    string `yaml:"signing"`    // or to the signing secret, for clicks over HTTP
}

func (c Slack) wanted() bool { return c != Slack{} }

func (c Slack) check() error {
	if !c.wanted() {
		return nil
	}
	if c.Team == "" || c.App == "" {
		return errors.New("notify.slack: team and app are missing; the app's page shows both ids, T… and A…")
	}
	if c.Socket != "" && c.Signing != "" {
		return errors.New("notify.slack: socket and signing are two ways for the same; leave one out")
	}
	return errors.Join(reference("notify.slack.bot", c.Bot, false), reference("notify.slack.socket", c.Socket, true), reference("notify.slack.signing", c.Signing, true))
}

// openSlack makes the channel "slack".
func (s *Server) openSlack(told *notify.Teller) error {
	c := s.Config.Notify.Slack
	o := slack.Options{
		Team: c.Team, App: c.App, Enterprise: c.Enterprise, Channel: c.Channel, Portal: s.Config.URL,
		File: filepath.Join(filepath.Dir(s.Config.Store.Bbolt), "slack.db"),
		Desk: s.Desk, Ledger: s.Ledger, Users: s.People.SlackUsers(), Teller: told, Report: s.failed, Now: time.Now, Lang: s.speaks,
	}
	for _, x := range []struct {
		ref string
		to  *slack.Secret
	}{{c.Bot, &o.Bot}, {c.Socket, &o.Socket}, {c.Signing, &o.Signing}} {
		secret, err := s.Config.secret(x.ref)
		if err != nil {
			return err
		}
		*x.to = slack.Secret(secret)
	}
	app, err := slack.New(o)
	if err != nil {
		return usage("notify.slack: %w", err)
	}
	s.tells.slack = app
	p := s.tells.planner
	p.Channels = append(p.Channels, app)
	if c.Channel != "" {
		p.Places = append(p.Places, notify.Place{
			Channel: app.Name(), To: c.Channel, Topics: []notify.Topic{notify.Waits, notify.Decided, notify.Session, notify.Ended, notify.Glass},
		})
	}
	return nil
}

// speaks is the language that a person chose.
func (s *Server) speaks(ctx context.Context, person string) (lang string) {
	err := s.Ledger.View(ctx, func(tx *ledger.Tx) error {
		set, err := notify.SettingOf(tx, person)
		lang = set.Lang
		return err
	})
	if err != nil {
		s.failed(err)
	}
	return lang
}

// clicks hands what Slack sends to the app, which knows it by its signature, and all else on.
func (s *Server) clicks(pages *portal.Portal, next http.Handler) http.Handler {
	if s.tells.slack == nil || s.tells.slack.Handler() == nil {
		return next
	}
	app := pages.Beside(s.tells.slack.Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/slack/") {
			app.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
