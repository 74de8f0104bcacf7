package gateway

import (
	"context"
	"errors"
	"time"

	"lockbox/policy"
	"lockbox/recorder"
)

var errNotBuilt = errors.New("not built yet")

// A Watcher follows an open session live. Who works in it is told who watches.
type Watcher struct {
	*recorder.Live
	Session recorder.Session
}

// Watch lets who follow an open session live, if they may, after the purpose
// was written down. The Watcher's place is taken until ctx ends; ctx is ended by
// the gateway, with an *Ending as cause, when the session does or they may no longer.
func (g *Gateway) Watch(ctx context.Context, who policy.Principal, session, purpose string) (*Watcher, context.Context, error) {
	return nil, nil, errNotBuilt
}

// Watchers names those who follow a session now, each once.
func (g *Gateway) Watchers(session string) []policy.Principal { return nil }

// Freeze holds an open session back in both directions until somebody who may
// lets it go on, for at most FreezeMost; then it ends.
func (g *Gateway) Freeze(ctx context.Context, who policy.Principal, session, why string) error {
	return errNotBuilt
}

// FreezeMost is how long a person may hold a session back.
const FreezeMost = 5 * time.Minute

// Thaw lets a session go on that a person froze.
func (g *Gateway) Thaw(ctx context.Context, who policy.Principal, session string) error {
	return errNotBuilt
}

// EndSession ends one open session; the grant stays.
func (g *Gateway) EndSession(ctx context.Context, who policy.Principal, session, why string) error {
	return errNotBuilt
}

// A Remark is what somebody wrote about a moment of a recording, or that they have reviewed it.
type Remark struct {
	By       policy.Principal `json:"by"`
	When     time.Time        `json:"when"`
	Track    string           `json:"track,omitempty"` // "" is about all of it
	At       time.Duration    `json:"at,omitempty"`
	Text     string           `json:"text,omitempty"`
	Reviewed bool             `json:"reviewed,omitempty"`
}

// Say writes a remark down, for those who may replay the recording.
func (g *Gateway) Say(ctx context.Context, who policy.Principal, session string, r Remark) error {
	return errNotBuilt
}

// Remarks gives the remarks on a recording, oldest first, to those who may replay it.
func (g *Gateway) Remarks(ctx context.Context, who policy.Principal, session string) ([]Remark, error) {
	return nil, errNotBuilt
}

// A Custody is how long a recording is kept.
type Custody struct {
	Until  time.Time `json:"until,omitzero"` // when its key is destroyed; zero: never
	Held   string    `json:"held,omitempty"` // why it is kept beyond that; "": it is not
	By     string    `json:"by,omitempty"`   // who said so
	Erased time.Time `json:"erased,omitzero"`
	Why    string    `json:"why,omitempty"` // of Erased
}

// Custody says how long the recording of a session is kept, to those who may see the session.
func (g *Gateway) Custody(ctx context.Context, who policy.Principal, session string) (Custody, error) {
	return Custody{}, errNotBuilt
}

// Keep holds a recording beyond its time, and Release lets that go: by another executive.
func (g *Gateway) Keep(ctx context.Context, who policy.Principal, session, why string) error {
	return errNotBuilt
}

// Release ends a hold; the recording is then kept as long as it would have been.
func (g *Gateway) Release(ctx context.Context, who policy.Principal, session, why string) error {
	return errNotBuilt
}

// Archive destroys the keys of recordings, in every copy.
type Archive interface {
	Destroy(ctx context.Context, session string) (copies []string, err error)
}

// Retain destroys the keys of recordings whose time is up or whose erasure was
// signed, and writes it down. What cannot be destroyed now is tried again.
func (g *Gateway) Retain(ctx context.Context) error { return nil }
