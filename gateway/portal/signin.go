package portal

import (
	"encoding/json"
	"net/http"
)

const cookieLife = 8 * 60 * 60 // seconds; the session itself ends in the ledger

// The cookie's name: a browser takes a __Host- cookie only over TLS, for this host alone.
func (p *Portal) cookieName() string {
	if p.secure() {
		return "__Host-lockbox"
	}
	return "lockbox"
}

// cookie is the secret of the session; "" for none. Two of them are none.
func (x *exchange) cookie() string {
	all := x.r.CookiesNamed(x.p.cookieName())
	if len(all) != 1 || len(all[0].Value) > 128 {
		return ""
	}
	return all[0].Value
}

func (x *exchange) setCookie(value string, life int) {
	http.SetCookie(x.w, &http.Cookie{
		Name: x.p.cookieName(), Value: value, Path: "/", MaxAge: life,
		Secure: x.p.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// askSignIn is the answer of every page to whoever is not signed in. It is the
// same for every address: nobody learns which codes there are. The page loads
// the same address again when it has signed in, so that it goes nowhere else.
func (x *exchange) askSignIn() error {
	x.w.Header().Set("WWW-Authenticate", `Passkey realm="lockbox"`)
	if x.wantsJSON() {
		return x.answer(http.StatusUnauthorized, map[string]string{"error": x.say.text("You are signed out. Open the page again and sign in with your passkey.")})
	}
	return x.show(http.StatusUnauthorized, "sign-in", "Sign in", nil)
}

// askPatience is the answer to whoever is signed in with a passkey that nobody has compared.
func (x *exchange) askPatience() error {
	if x.wantsJSON() {
		return x.answer(http.StatusForbidden, map[string]string{"error": x.say.text("Your passkey waits to be confirmed.")})
	}
	return x.show(http.StatusForbidden, "waiting", "Waiting for confirmation", waitingPage{fingerprint(x.who.Fingerprint), x.who.Later})
}

type waitingPage struct {
	Key   keyFacts
	Later bool // it is not the person's first: they sign for it themselves
}

func (p *Portal) beginSignIn(x *exchange) error {
	var body struct{}
	if err := x.json(&body); err != nil {
		return err
	}
	ask, err := p.People.BeginSignIn(x.r.Context(), x.meta())
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, map[string]any{"id": ask.ID, "options": ask.Options})
}

// A signed answer is what a script sends back: which question, and the passkey's
// answer as the browser's toJSON gives it.
type signedAnswer struct {
	ID         string          `json:"id"`
	Credential json.RawMessage `json:"credential"`
}

func (p *Portal) signIn(x *exchange) error {
	var body signedAnswer
	if err := x.json(&body); err != nil {
		return err
	}
	cookie, _, err := p.People.FinishSignIn(x.r.Context(), body.ID, body.Credential, x.meta())
	if err != nil {
		return err
	}
	if old := x.cookie(); old != "" { // a new sign-in is a new session
		if err := p.People.SignOut(x.r.Context(), old); err != nil {
			return err
		}
	}
	x.setCookie(cookie, cookieLife)
	return x.answer(http.StatusOK, map[string]string{})
}

func (p *Portal) signOut(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	if err := p.People.SignOut(x.r.Context(), x.cookie()); err != nil {
		return err
	}
	x.setCookie("", -1)
	return x.see("/")
}
