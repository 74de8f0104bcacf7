package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"lockbox/approvals/mail"
	"lockbox/approvals/notify"
	"lockbox/approvals/slack"
	"lockbox/approvals/webhook"
	"lockbox/gateway/portal"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// A teller is all that tells people.
type teller struct {
	planner  *notify.Planner
	settings *notify.Settings
	outbox   *notify.Outbox   // nil: nobody is told
	follower *notify.Follower // nil: nobody is told
	hooks    []*webhook.Hook
	slack    *slack.Slack // nil: there is none
}

// openNotify makes the channels that are configured.
func (s *Server) openNotify() error {
	n := s.Config.Notify
	p := &notify.Planner{Desk: s.Desk, People: s.People}
	s.tells = teller{planner: p, settings: &notify.Settings{Ledger: s.Ledger, Planner: p}}
	if !n.wanted() {
		return nil
	}
	words, err := notify.NewWords()
	if err != nil {
		return err
	}
	told := &notify.Teller{Ledger: s.Ledger, Planner: p, URL: s.Config.URL, Event: portal.EventWords(), Words: words}
	if n.printed != nil {
		p.Channels = append(p.Channels, &printer{p, told, s.Ledger, n.printed})
	}
	if n.Mail.Server != "" {
		if err := s.openMail(told, words); err != nil {
			return err
		}
	}
	if n.Slack.wanted() {
		if err := s.openSlack(told); err != nil {
			return err
		}
	}
	for i := range n.Webhooks {
		if err := s.openHook(i); err != nil {
			return err
		}
	}
	box, err := notify.OpenOutbox(filepath.Join(filepath.Dir(s.Config.Store.Bbolt), "notify.db"))
	if err != nil {
		return err
	}
	s.tells.outbox, p.Deaf = box, box.Deaf
	s.tells.follower = &notify.Follower{Ledger: s.Ledger, Planner: p, Outbox: box, Report: s.failed}
	return nil
}

func (s *Server) openMail(told *notify.Teller, words *notify.Words) error {
	o, err := s.Config.mailOptions()
	if err != nil {
		return err
	}
	key, err := s.Keys.Mails()
	if err != nil {
		return err
	}
	o.Key, o.Ledger, o.Teller, o.Words = key, s.Ledger, told, words
	m, err := mail.New(o)
	if err != nil {
		return s.Config.wrong("notify.mail.%w", err)
	}
	s.tells.planner.Channels = append(s.tells.planner.Channels, m)
	return nil
}

func (s *Server) openHook(i int) error {
	w := s.Config.Notify.Webhooks[i]
	o, err := s.Config.hookOptions(i, s.own)
	if err != nil {
		return err
	}
	o.Ledger = s.Ledger
	h, err := webhook.New(o)
	if err != nil {
		return s.Config.wrong("notify.webhooks[%d].%w", i, err)
	}
	p := s.tells.planner
	s.tells.hooks, p.Channels = append(s.tells.hooks, h), append(p.Channels, h)
	p.Places = append(p.Places, notify.Place{Channel: h.Name(), To: w.Name, Topics: []notify.Topic{notify.Deed}, Kinds: w.Kinds, Customer: w.Customer})
	return nil
}

// lookReachable is how often it is looked who can be reached.
const lookReachable = time.Hour

// tell has people told until ctx ends. That it cannot is reported; nothing else ends with it.
func (s *Server) tell(ctx context.Context) {
	f := s.tells.follower
	if f == nil {
		return
	}
	s.seen.notices(f)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { f.LookEvery(ctx, lookReachable) })
	if app := s.tells.slack; app != nil {
		s.seen.slack(app)
		wg.Go(func() {
			if err := app.Run(ctx); err != nil && ctx.Err() == nil {
				s.failed(fmt.Errorf("slack: %w", err))
			}
		})
	}
	for ctx.Err() == nil {
		if err := f.Run(ctx); err != nil {
			s.failed(fmt.Errorf("tell people: %w", err))
		}
		wait, stop := context.WithTimeout(ctx, time.Minute)
		<-wait.Done()
		stop()
	}
}

func (s *Server) closeNotify() error {
	for _, h := range s.tells.hooks {
		h.Close()
	}
	var err error
	if s.tells.slack != nil {
		err = s.tells.slack.Close()
	}
	if s.tells.outbox != nil {
		err = errors.Join(err, s.tells.outbox.Close())
	}
	return err
}

// toNotify is a question of `lockbox notify`.
type toNotify struct {
	Person   string   `json:"person,omitempty"`
	Target   string   `json:"target,omitempty"`
	Login    string   `json:"login,omitempty"`
	Customer string   `json:"customer,omitempty"`
	Action   string   `json:"action,omitempty"`
	Channel  string   `json:"channel,omitempty"`
	Numbers  []uint64 `json:"numbers,omitempty"`
	From     int64    `json:"from,omitempty"`
}

var errNobodyTold = errors.New("nobody is told by this gateway: lockbox.yaml has no notify")

// notifyRoutes are the questions of `lockbox notify` that the control socket answers.
func (s *Server) notifyRoutes(mux *http.ServeMux) {
	on := func(path string, fn func(context.Context, *notify.Follower, toNotify) (any, error)) {
		mux.HandleFunc("POST /notify/"+path, func(w http.ResponseWriter, r *http.Request) {
			var v toNotify
			answer(w, r, &v, func() (any, error) {
				if s.tells.follower == nil && path != "preview" {
					return nil, errNobodyTold
				}
				return fn(r.Context(), s.tells.follower, v)
			})
		})
	}
	on("test", func(ctx context.Context, f *notify.Follower, v toNotify) (any, error) { return f.Test(ctx, v.Person) })
	on("dead", func(context.Context, *notify.Follower, toNotify) (any, error) { return s.tells.outbox.Dead() })
	on("retry", func(_ context.Context, f *notify.Follower, v toNotify) (any, error) {
		return f.Retry(v.Channel, v.Numbers...)
	})
	on("replay", func(ctx context.Context, f *notify.Follower, v toNotify) (any, error) {
		return f.Replay(ctx, "webhook:"+v.Channel, v.From)
	})
	on("preview", func(ctx context.Context, _ *notify.Follower, v toNotify) (any, error) { return s.preview(ctx, v) })
}

// preview lists who would be asked, of one request or (without a target) of any;
// of a customer, those stages alone that ask its reviewers.
func (s *Server) preview(ctx context.Context, v toNotify) (all []notify.Reach, err error) {
	if _, known := s.Desk.Policy().Customers[v.Customer]; !known && v.Customer != "" {
		return nil, usage("there is no customer %q", v.Customer)
	}
	err = s.Ledger.View(ctx, func(tx *ledger.Tx) error {
		if v.Target == "" {
			all, err = s.tells.planner.Reachable(tx)
			all = slices.DeleteFunc(all, func(r notify.Reach) bool { return v.Customer != "" && r.Of.Customer != v.Customer })
			return err
		}
		who, err := s.People.Current(tx, v.Person)
		if err != nil {
			return err
		}
		all, err = s.tells.planner.Preview(tx, who, v.Target, v.Login, v.Customer, policy.Action(v.Action))
		return err
	})
	return all, err
}

// lookAtNotices says whether people are told.
func (s *Server) lookAtNotices(ctx context.Context) (all []finding) {
	if s.tells.follower == nil {
		return []finding{{"notices", warn, "nobody is told of anything: lockbox.yaml has no notify"}}
	}
	counts, behind := s.tells.follower.Counts()
	for name, n := range counts {
		f := finding{name, fine, fmt.Sprintf("%d sent since the start, %d wait", n.Sent, n.Waiting)}
		if n.Waiting > 0 && time.Since(n.Oldest) > 15*time.Minute {
			f.Level, f.Text = bad, fmt.Sprintf("%d notices wait, the oldest since %s", n.Waiting, n.Oldest.UTC().Format(time.RFC3339))
		}
		all = append(all, f)
	}
	if behind > 1000 {
		all = append(all, finding{"notices", bad, fmt.Sprintf("%d events of the log were not looked at yet", behind)})
	}
	dead, err := s.tells.outbox.Dead()
	if len(dead) > 0 || err != nil {
		all = append(all, judge("notices", "", errors.Join(err, fmt.Errorf("%d could not be delivered; `lockbox notify dead` lists them", len(dead)))))
	}
	all = append(all, s.lookAtSlack(ctx)...)
	reach, err := s.preview(ctx, toNotify{})
	if err != nil {
		return append(all, judge("reach", "", err))
	}
	for _, r := range reach {
		if level := bad; r.Low {
			if s.Config.Mode != modeProduction {
				level = warn
			}
			all = append(all, finding{"reach", level, "too few can be reached for " + r.Stage})
		}
	}
	return all
}
