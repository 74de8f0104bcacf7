package portal

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"lockbox/gateway/identity"
)

// An audience is to whom a route answers at all; what they see is asked again inside.
type audience int

const (
	members  audience = iota // signed in with a confirmed passkey
	signedIn                 // signed in, perhaps not confirmed
	anybody
	unasked // anybody, and nobody is asked who it is
)

// A route is one method on one pattern of addresses.
type route struct {
	method  string
	pattern string
	to      audience
	codes   bool // the address holds a short code or an id: guesses are counted
	handle  func(*exchange) error
}

// routes is every route there is. A GET changes nothing.
func (p *Portal) routes() []route {
	return slices.Concat(p.routesOfRequests(), p.routesOfApps(), p.routesOfSessions(), p.routesOfPeople(), p.routesOfGlass(), p.routesOfLogs(), []route{
		{"POST", "/sign-in/begin", anybody, false, p.beginSignIn},
		{"POST", "/sign-in", anybody, false, p.signIn},
		{"POST", "/sign-out", signedIn, false, p.signOut},
		{"GET", "/status", members, false, p.status},
		{"GET", "/requests", members, false, p.inTurn(p.requests)},
		{"GET", "/legal/recording-notice", anybody, false, p.notice},
		{"GET", "/static/{name...}", anybody, false, p.static},
		{"GET", "/", anybody, false, func(*exchange) error { return errNoPage }},
		{"POST", "/", anybody, false, func(*exchange) error { return errNoPage }},
	})
}

// routesOfRequests are those by which people ask, decide, start and follow.
func (p *Portal) routesOfRequests() []route {
	return []route{
		{"GET", "/{$}", members, false, p.inbox},
		{"GET", "/history", members, false, p.history},

		{"GET", "/a/{code}", members, true, p.decision},
		{"POST", "/a/{code}", members, true, p.decide},
		{"GET", "/c/{code}", members, true, p.decision},
		{"POST", "/c/{code}", members, true, p.decide},
		{"POST", "/vote/{code}", members, true, p.vote},

		{"GET", "/l/{code}", members, true, p.login},
		{"POST", "/l/{code}", members, true, p.loginNumber},
		{"POST", "/l/{code}/sign", members, true, p.logIn},

		{"GET", "/t/{code}", members, true, p.touches},
		{"POST", "/t/{code}", members, true, p.number},
		{"POST", "/t/{code}/sign", members, true, p.touch},

		{"GET", "/r/new", members, false, p.asking},
		{"POST", "/r/new", members, false, p.ask},
		{"GET", "/r/{code}", members, true, p.request},
		{"POST", "/r/{code}", members, true, p.change},
		{"GET", "/r/{code}/live", members, true, p.live},
		{"GET", "/r/{code}/evidence.json", members, true, p.inTurn(p.evidence)},
	}
}

// routesOfApps are those by which browsers go on to an application.
func (p *Portal) routesOfApps() []route {
	return []route{
		{"GET", "/h/{id}", members, true, p.arrival},
		{"POST", "/h/{id}", members, true, p.goOn},
		{"POST", "/h/{id}/touch", members, true, p.touchHere},
		{"POST", "/h/{id}/sign", members, true, p.touchedHere},
	}
}

// routesOfSessions are those by which people watch and replay.
func (p *Portal) routesOfSessions() []route {
	return []route{
		{"GET", "/s/{id}", members, true, p.inTurn(p.session)},
		{"POST", "/s/{id}", members, true, p.look},
		{"POST", "/s/{id}/live", members, true, p.watch},
		{"POST", "/s/{id}/beat", unasked, false, p.beat},
		{"POST", "/s/{id}/act", members, true, p.act},
		{"POST", "/s/{id}/remarks", members, true, p.remarkOn},
		{"POST", "/s/{id}/custody", members, true, p.keep},
		{"GET", "/s/{id}/recording.tar", members, true, p.alone(p.sealed)},
		{"GET", "/s/{id}/part/{track}", members, true, p.inTurn(p.part)},
		{"GET", "/s/{id}/timeline/{track}", members, true, p.inTurn(p.timeline)},
		{"GET", "/s/{id}/find/{track}", members, true, p.inTurn(p.search)},
		{"GET", "/s/{id}/cast/{track}", members, true, p.cast},
		{"GET", "/s/{id}/text/{track}", members, true, p.transcript},
		{"GET", "/s/{id}/har/{track}", members, true, p.inTurn(p.archive)},
	}
}

// routesOfPeople are those about who people are, and what they sign besides requests.
func (p *Portal) routesOfPeople() []route {
	return []route{
		{"GET", "/m/{code}", members, true, p.motion},
		{"POST", "/m/{code}", members, true, p.answerMotion},
		{"POST", "/m/{code}/sign", members, true, p.signedMotion},

		{"GET", "/enroll/{token}", anybody, true, p.invitation},
		{"POST", "/enroll/{token}/begin", anybody, true, p.beginEnroll},
		{"POST", "/enroll/{token}", anybody, true, p.enroll},
		{"POST", "/enroll/{token}/ssh", anybody, true, p.enrollSSHKey},

		{"GET", "/people", members, false, p.people},
		{"POST", "/people", members, false, p.compare},
		{"POST", "/people/vouch", members, false, p.vouch},
		{"GET", "/me/keys", signedIn, false, p.keys}, // who waits may make a second passkey
		{"POST", "/me/keys", signedIn, false, p.changeKeys},
		{"POST", "/me/keys/sign", members, false, p.addKey},
		{"POST", "/me/keys/passkey/begin", signedIn, false, p.beginPasskey},
		{"POST", "/me/keys/passkey", signedIn, false, p.addPasskey},
		{"POST", "/me/keys/counter-sign", signedIn, false, p.counterSign},
		{"POST", "/me/keys/retire", members, false, p.retire},

		{"GET", "/me/slack", members, true, p.slack},
		{"POST", "/me/slack", members, true, p.changeSlack},
		{"POST", "/me/slack/sign", members, false, p.slackBound},
		{"GET", "/me/delegation", members, false, p.delegation},
		{"POST", "/me/delegation", members, false, p.delegate},
		{"GET", "/me/declaration", members, false, p.declaration},
		{"POST", "/me/declaration", members, false, p.declare},
		{"GET", "/me/notify", members, false, p.notify},
		{"POST", "/me/notify", members, false, p.changeNotify},
		{"GET", "/reach", members, false, p.reach},
		{"POST", "/reach", members, false, p.retry},
		{"GET", "/customers", members, false, p.customers},
		{"POST", "/customers", members, false, p.changeCustomer},
		{"GET", "/policy", members, false, p.inForce},
	}
}

// routesOfGlass are those for emergencies, and for the board's week.
func (p *Portal) routesOfGlass() []route {
	return []route{
		{"GET", "/glass", members, false, p.glass},
		{"POST", "/glass", members, false, p.breakGlass},
		{"GET", "/digest", members, false, p.digests},
		{"GET", "/digest/{week}", members, false, p.inTurn(p.digest)},
		{"POST", "/digest/{week}", members, false, p.reviewDigest},
		{"GET", "/incidents", members, false, p.incidents},
		{"GET", "/incidents/{code}", members, true, p.incident},
		{"POST", "/incidents/{code}", members, true, p.settle},
	}
}

// routesOfLogs are those by which people see that nothing was changed or left out.
func (p *Portal) routesOfLogs() []route {
	out := []route{
		{"GET", "/verify", anybody, false, p.checking},
		{"GET", "/c/receipts", members, false, p.receipts},
		{"GET", "/c/receipts/{code}", members, true, p.inTurn(p.receipt)},
		{"GET", "/c/months/{month}", members, false, p.inTurn(p.month)},
		{"GET", "/c/months/{month}/statement.json", members, false, p.inTurn(p.monthFile)},
	}
	for _, at := range []string{"/log", "/c/log"} {
		out = append(out,
			route{"GET", at, members, false, p.readLog},
			route{"POST", at, members, false, p.grown},
			route{"GET", at + "/checkpoint", members, false, p.checkpointFile},
			route{"GET", at + "/log.tar", members, false, p.alone(p.wholeLog)},
		)
	}
	return out
}

// table groups the routes by pattern.
func (p *Portal) table() map[string]map[string]route {
	t := map[string]map[string]route{}
	for _, r := range p.routes() {
		if t[r.pattern] == nil {
			t[r.pattern] = map[string]route{}
		}
		t[r.pattern][r.method] = r
	}
	return t
}

// serve answers one pattern.
func (p *Portal) serve(methods map[string]route) http.Handler {
	allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, ok := r.Context().Value(exchangeKey{}).(*exchange)
		if !ok {
			http.Error(w, "", http.StatusInternalServerError) // guard is always before
			return
		}
		x.r, x.w = r, w
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		found, ok := methods[method]
		if !ok {
			w.Header().Set("Allow", allow)
			x.fail(errMethod)
			return
		}
		if err := p.enter(x, found); err != nil {
			x.fail(err)
		}
	})
}

// enter lets a route answer to its audience only; everybody else gets the sign-in page.
func (p *Portal) enter(x *exchange, to route) error {
	if to.to == unasked {
		return to.handle(x)
	}
	if err := x.identify(); err != nil {
		return err
	}
	if to.codes && p.limits.guessing(x.guesser(), p.now()) {
		return errSlow
	}
	switch {
	case to.to == anybody:
	case x.who.ID == "":
		return x.askSignIn()
	case to.to == members && !x.who.Confirmed:
		return x.askPatience()
	}
	err := to.handle(x)
	if to.codes && err != nil && unknown(err) {
		p.limits.guessed(x.guesser(), p.now())
	}
	return err
}

// identify finds out who is signed in.
func (x *exchange) identify() error {
	cookie := x.cookie()
	if cookie == "" {
		return nil
	}
	who, err := x.p.People.Session(x.r.Context(), cookie)
	switch r := new(identity.Refusal); {
	case err == nil:
		x.who = who
	case errors.Is(err, identity.ErrSignedOut) || errors.As(err, &r):
	default:
		return err
	}
	return nil
}
