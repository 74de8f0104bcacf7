package approvals

import (
	"context"
	"errors"
	"time"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

var errNotYet = errors.New("not built yet")

// A Remark is one line of the thread of a request.
type Remark struct {
	By     string    `json:"by"`
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Thread string    `json:"thread,omitempty"` // the customer whose thread it is; "" the board's
	Text   string    `json:"text"`
}

// Say writes a remark into a thread of the request ("" the board's, or that of
// one customer). A reviewer always writes into their customer's.
func (d *Desk) Say(ctx context.Context, who policy.Principal, code, thread, text string) (View, error) {
	return View{}, errNotYet
}

// Accept promises what the approvers asked for: the grant can be used from then on.
func (d *Desk) Accept(ctx context.Context, who policy.Principal, code string) (View, error) {
	return View{}, errNotYet
}

// Extend asks for more time under a grant that is in use: a new request to the
// same people, with a code of its own.
func (d *Desk) Extend(ctx context.Context, who policy.Principal, code string, long time.Duration, why string) (View, error) {
	return View{}, errNotYet
}

// Extension finds the pending request for more time under a grant, and the
// grant that goes on from it; nil where there is none.
func (d *Desk) Extension(tx *ledger.Tx, code string) (*policy.Request, *policy.Grant, error) {
	return nil, nil, nil
}

// History lists requests that who may see, ended ones too, newest first, at
// most n, those made before the one with the code ("" from the newest).
func (d *Desk) History(ctx context.Context, who policy.Principal, before string, n int) ([]View, error) {
	return nil, errNotYet
}

// An Asking is a request of the past, as a policy can be asked about it again.
type Asking struct {
	Code   string           `json:"code"`
	At     time.Time        `json:"at"`
	Who    policy.Principal `json:"who"`
	Do     []policy.Action  `json:"do"`
	On     string           `json:"on"`
	Login  string           `json:"login"`
	From   string           `json:"from,omitempty"` // address; "" unknown
	Reason policy.Reason    `json:"reason"`
	For    time.Duration    `json:"for"`
	Rule   string           `json:"rule"`
	Stages []policy.Stage   `json:"stages"`
	Phase  policy.Phase     `json:"phase"`
}

// Asked lists every request since then, for `policy replay` and `policy explain`.
func (d *Desk) Asked(ctx context.Context, since time.Time) ([]Asking, error) { return nil, errNotYet }
