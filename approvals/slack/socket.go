package slack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"runtime/debug"
	"time"

	"github.com/slack-go/slack/socketmode"
)

// How long to wait before a socket is opened anew: twice as long each time.
const (
	pauseLeast = time.Second
	pauseMost  = time.Minute
)

// Run hears what comes over Socket Mode, until ctx is done; where clicks come
// another way, it only looks after its cards and forgets what is old.
func (s *Slack) Run(ctx context.Context) error {
	forget, look := time.NewTicker(seenKept/4), time.NewTicker(lookEvery)
	defer forget.Stop()
	defer look.Stop()
	if s.Socket != "" {
		over := make(chan struct{})
		defer func() { <-over }()
		go func() {
			defer close(over)
			s.listen(ctx)
		}()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			s.tidied(ctx)
		case <-forget.C:
			if err := s.memory.sweep(); err != nil {
				s.Report(err)
			}
		}
	}
}

// tidied is tidy, of which neither error nor panic comes out.
func (s *Slack) tidied(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			s.Report(fmt.Errorf("slack: panic: %v\n%s", p, debug.Stack()))
		}
	}()
	if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
		s.Report(err)
	}
}

// listen keeps a socket open.
func (s *Slack) listen(ctx context.Context) {
	for pause := pauseLeast; ctx.Err() == nil; pause = min(2*pause, pauseMost) {
		began := s.now()
		if err := s.socket(ctx); err != nil && ctx.Err() == nil {
			s.Report(failed("apps.connections.open", err))
		}
		if s.now().Sub(began) > pauseMost {
			pause = pauseLeast
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-wait.C:
		}
		wait.Stop()
	}
}

// socket hears one client's sockets, one after the other as Slack wants it.
func (s *Slack) socket(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	client := socketmode.New(s.client, socketmode.OptionLog(log.New(io.Discard, "", 0)), socketmode.OptionReadLimit(bodyMost))
	over := make(chan struct{})
	defer func() {
		stop()
		<-over
		s.health.socket(s.now(), false)
	}()
	go func() {
		defer close(over)
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-client.Events:
				s.event(ctx, client, e)
			}
		}
	}()
	err := client.RunContext(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// event takes one message of the socket. Nobody signs what comes over it: it is
// Slack's by its certificate and our token.
func (s *Slack) event(ctx context.Context, client *socketmode.Client, e socketmode.Event) {
	switch e.Type {
	case socketmode.EventTypeHello:
		s.health.socket(s.now(), true)
	case socketmode.EventTypeConnecting, socketmode.EventTypeConnectionError, socketmode.EventTypeDisconnect, socketmode.EventTypeInvalidAuth:
		s.health.socket(s.now(), false)
	}
	if e.Request == nil {
		return
	}
	var c call
	var err error
	switch e.Type {
	case socketmode.EventTypeInteractive:
		c, err = parseInteraction(e.Request.Payload)
	case socketmode.EventTypeSlashCommand:
		c, err = parseSocketCommand(e.Request.Payload)
	default:
		return
	}
	ack := func(reply any) {
		ctx, stop := context.WithTimeout(ctx, ackLimit)
		defer stop()
		if err := client.AckCtx(ctx, e.Request.EnvelopeID, reply); err != nil {
			s.unheard("not acknowledged")
		}
	}
	if err == nil {
		if why := s.stranger(c); why != "" {
			s.unheard(why)
			ack(nil)
			return
		}
	} else {
		s.unheard("not understood")
		ack(nil)
		return
	}
	switch fresh, err := s.memory.first("envelope "+e.Request.EnvelopeID, "trigger "+c.Type+" "+c.Trigger); {
	case err != nil:
		s.Report(err) // not acknowledged: Slack tells the person
	case !fresh:
		s.unheard("heard before")
		ack(nil)
	default:
		s.work.Go(func() { ack(s.hear(c)) })
	}
}
