package httpproxy

import (
	"context"
	"net/http"
	"time"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/identity"
	"lockbox/policy"
)

// A Door serves the applications. Its fields are set before Handler is called.
type Door struct {
	Gateway *gateway.Gateway
	Desk    *approvals.Desk
	People  *identity.Directory
	Portal  string // origin of the portal: "https://lock.example.eu"
	Apps    string // origin of the applications without their names: "https://gw.example.eu"; TARGET is at https://TARGET.gw.example.eu
	Report  func(error)
	Now     func() time.Time // nil: time.Now

	// Sign makes the identity header: a JWT of these claims, see Claims.
	Sign func(Claims) (string, error)
	// Keys is the JSON Web Key Set that verifies it (RFC 7517).
	Keys func() []byte
}

// Claims are what an application is told of who is there, and why they may be (RFC 7519).
type Claims struct {
	Issuer    string   `json:"iss"` // Door.Portal
	Subject   string   `json:"sub"` // the person's id
	Audience  string   `json:"aud"` // the target's name
	IssuedAt  int64    `json:"iat"` // Unix seconds
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"` // 60 s after iat
	ID        string   `json:"jti"` // the correlation id of the request
	Name      string   `json:"name,omitempty"`
	Email     string   `json:"email,omitempty"` // where the person's id is an address
	Grant     string   `json:"grant"`
	Session   string   `json:"session"` // of the recording
	Login     string   `json:"login"`
	Customers []string `json:"customers"`
	Actions   []string `json:"actions"`
}

// Handler serves every application; any other host gets 421.
func (d *Door) Handler() http.Handler { return http.NotFoundHandler() }

// Arrival finds a browser that waits; false when there is none of that id, or no more.
func (d *Door) Arrival(id string) (gateway.Arrival, bool) { return gateway.Arrival{}, false }

// Admit opens the session of an arrival, for somebody whom Gateway.Enter allows
// it, and gives the address at which the browser that arrived gets in, once and
// within a minute. Where the answer is no Allow there is no address. web is
// their session at the portal, see identity.WebID.
func (d *Door) Admit(ctx context.Context, id string, who policy.Principal, web string) (address string, a gateway.Answer, err error) {
	return "", gateway.Answer{}, nil
}
