package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
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
	API        string `yaml:"api"`        // "https://slack-gov.com/api/" for GovSlack; "" for the Slack of everybody else
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
		return errors.New("notify.slack.signing: socket and signing are two ways for the same; leave one out")
	}
	if u, err := url.Parse(c.API); c.API != "" && (err != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Host)) || !strings.HasSuffix(u.Path, "/")) {
		return errors.New("notify.slack.api: it is no https address with a / at its end; leave it out, or write https://slack-gov.com/api/")
	}
	return errors.Join(reference("notify.slack.bot", c.Bot, false), reference("notify.slack.socket", c.Socket, true), reference("notify.slack.signing", c.Signing, true))
}

// options are those that the configuration gives, with its secrets.
func (c Slack) options(conf Config) (o slack.Options, err error) {
	o = slack.Options{
		Team: c.Team, App: c.App, Enterprise: c.Enterprise, Channel: c.Channel, Portal: conf.URL, API: c.API,
		File: filepath.Join(filepath.Dir(conf.Store.Bbolt), "slack.db"),
	}
	for _, x := range []struct {
		name, ref string
		to        *slack.Secret
	}{{"bot", c.Bot, &o.Bot}, {"socket", c.Socket, &o.Socket}, {"signing", c.Signing, &o.Signing}} {
		secret, err := conf.secret("notify.slack."+x.name, x.ref)
		if err != nil {
			return o, err
		}
		*x.to = slack.Secret(secret)
	}
	return o, nil
}

// openSlack makes the channel "slack".
func (s *Server) openSlack(told *notify.Teller) error {
	c := s.Config.Notify.Slack
	o, err := c.options(s.Config)
	if err != nil {
		return err
	}
	o.Desk, o.Ledger, o.Users, o.Teller, o.Report, o.Now, o.Lang = s.Desk, s.Ledger, s.People.SlackUsers(), told, s.failed, time.Now, s.speaks
	app, err := slack.New(o)
	if err != nil {
		return s.Config.wrong("notify.%s", strings.Replace(err.Error(), ": ", ".", 1))
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
