package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"lockbox/approvals"
	"lockbox/approvals/charter"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
)

// Codes of answers that policy does not know. Those of policy and gateway come as they are.
const (
	CodeToken    policy.Code = "LBX-TOKEN"    // no token, or one that opens nothing
	CodeScope    policy.Code = "LBX-SCOPE"    // the token may not do this
	CodePasskey  policy.Code = "LBX-PASSKEY"  // only a passkey does this, on a page
	CodeUnknown  policy.Code = "LBX-UNKNOWN"  // not there, or not yours to see
	CodeForm     policy.Code = "LBX-FORM"     // not written as the API wants it
	CodeLimit    policy.Code = "LBX-LIMIT"    // too many, too fast
	CodeInternal policy.Code = "LBX-INTERNAL" // it failed here
)

// A Failure is what every error looks like.
type Failure struct {
	Error Problem `json:"error"`
}

// A Problem says what was refused, why, and what to do next.
type Problem struct {
	Code      policy.Code `json:"code" doc:"for programs: LBX-…"`
	Message   string      `json:"message" doc:"for people"`
	Do        string      `json:"do,omitempty" doc:"what to do next"`
	URL       string      `json:"url,omitempty" doc:"the page where it is done"`
	Reference string      `json:"reference,omitempty" doc:"of a failure here: the operators' log has it too"`
}

// A problem is a Problem with its status.
type problem struct {
	status int
	Problem
}

func (p *problem) Error() string { return p.Message }

func no(status int, code policy.Code, message, do string) *problem {
	return &problem{status, Problem{Code: code, Message: message, Do: do}}
}

const getToken = "get a token: `ssh GATEWAY token`"

// What the API refuses by itself.
var (
	errHost    = &problem{http.StatusMisdirectedRequest, Problem{Code: CodeForm, Message: "Lockbox does not answer under this name", Do: "use the name in the gateway's own address"}}
	errOrigin  = &problem{http.StatusForbidden, Problem{Code: CodeForm, Message: "the API does not answer other pages", Do: "call it from a program"}}
	errNowhere = &problem{http.StatusNotFound, Problem{Code: CodeUnknown, Message: "there is nothing here, or it is not yours to see", Do: "check the address and the code; " + Prefix + "/openapi.json lists every address"}}
	errMethod  = &problem{http.StatusMethodNotAllowed, Problem{Code: CodeForm, Message: "this address takes another method", Do: "see the Allow header"}}
	errKind    = &problem{http.StatusUnsupportedMediaType, Problem{Code: CodeForm, Message: "the body must be JSON", Do: "send Content-Type: application/json"}}
	errTooLong = &problem{http.StatusRequestEntityTooLarge, Problem{Code: CodeForm, Message: "the body is too long", Do: "send at most 64 KiB"}}
	errSlow    = &problem{http.StatusTooManyRequests, Problem{Code: CodeLimit, Message: "too many requests came from here", Do: "wait a minute and try again"}}
	errNoToken = &problem{http.StatusUnauthorized, Problem{Code: CodeToken, Message: "there is no token, or it is not valid any more", Do: getToken}}
)

// malformed refuses what is not written as the API wants it. It repeats nothing that was sent.
func malformed(format string, args ...any) *problem {
	return no(http.StatusBadRequest, CodeForm, fmt.Sprintf(format, args...), "see "+Prefix+"/openapi.json")
}

func noScope(want string) *problem {
	return no(http.StatusForbidden, CodeScope, "this token may not do that: it takes the scope "+want, "get another token: `ssh GATEWAY token --scope "+want+"`")
}

// byPasskey sends the person to the page: no token votes yes.
func byPasskey(what, page string) *problem {
	p := no(http.StatusForbidden, CodePasskey, what+" is a passkey signature; no token can do it", "open the page and sign there")
	p.URL = page
	return p
}

// at names the page where the person can mend it.
func (p *problem) at(page string) *problem {
	out := *p
	out.URL, out.Do = page, "open the page and sign there"
	return &out
}

// unknown says whether err means: not there, or not yours to see.
func unknown(err error) bool {
	return errors.Is(err, approvals.ErrUnknown) || errors.Is(err, charter.ErrUnknown) || errors.Is(err, errNowhere)
}

// explain puts an error into an answer; nil for a failure here.
func explain(err error) *problem {
	var own *problem
	var desk *approvals.Refusal
	var house *charter.Refusal
	var who *identity.Refusal
	switch {
	case errors.As(err, &own):
		return own
	case unknown(err):
		return errNowhere
	case errors.As(err, &desk):
		return refusal(desk.Code, desk.Why)
	case errors.As(err, &house):
		return refusal(house.Code, house.Why)
	case errors.As(err, &who):
		return refusal(policy.ByPolicy, who.Why)
	}
	return nil
}

func refusal(code policy.Code, why string) *problem {
	if code == "" {
		code = policy.ByPolicy
	}
	return no(http.StatusForbidden, code, why, next(code))
}

// next says what to do after a refusal that does not say it itself.
func next(code policy.Code) string {
	switch code {
	case policy.NoTarget:
		return "GET " + Prefix + "/targets lists what you may ask for"
	case policy.NoGrant:
		return "POST " + Prefix + "/requests asks for access"
	case policy.NeedTouch:
		return "do it on the page, with your passkey"
	case policy.HasExpired, policy.WasRevoked:
		return "ask again: POST " + Prefix + "/requests"
	case policy.NotYet:
		return "wait: GET " + Prefix + "/requests/{code}?wait=25s"
	case gateway.NoRecorder, gateway.NoWitness:
		return "try again in a minute"
	}
	return "if that should not be so, ask who keeps the policy"
}

// fail answers an error.
func (c *call) fail(err error) {
	p := explain(err)
	if p == nil {
		ref := newReference()
		c.a.report(fmt.Errorf("api: reference %s: %s: %w", ref, c.where(), err))
		p = no(http.StatusInternalServerError, CodeInternal, "something failed here", "try again in a minute; if it stays, give the operators the reference")
		p.Reference = ref
	}
	if c.sent {
		return
	}
	switch p.status {
	case http.StatusTooManyRequests:
		c.w.Header().Set("Retry-After", "60")
	case http.StatusUnauthorized:
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="lockbox"`)
	}
	if err := c.send(p.status, Failure{p.Problem}); err != nil {
		c.a.report(fmt.Errorf("api: %w", err))
	}
}

// where is the route, never the address: that may hold what nobody should read.
func (c *call) where() string {
	if c.route == nil {
		return "no route"
	}
	return c.route.method + " " + c.route.path
}

func newReference() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return "e-" + hex.EncodeToString(b[:])
}
