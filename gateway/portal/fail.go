package portal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
)

// A problem is a refusal by the portal itself: a status and a sentence of the table.
type problem struct {
	status int
	title  string
	why    string
}

func (e *problem) Error() string { return e.why }

// What the portal refuses by itself.
var (
	errNoPage      = &problem{http.StatusNotFound, "Nothing here for you", "There is no such page, or it is not yours to see. Check the address, or start from your inbox."}
	errNoRecording = &problem{http.StatusNotFound, "No recording", "The recording of this session is not here."}
	errHost        = &problem{http.StatusMisdirectedRequest, "Wrong address", "Lockbox does not answer under this name."}
	errOrigin      = &problem{http.StatusForbidden, "Not from this page", "This did not come from a page of Lockbox, so nothing was done. Open the page again and repeat it there."}
	errMethod      = &problem{http.StatusMethodNotAllowed, "Not like this", "This address takes another kind of request."}
	errGone        = &problem{http.StatusConflict, "Not any more", "That passkey is not among those on the page any more. Open the page again and choose there."}
	errKind        = &problem{http.StatusUnsupportedMediaType, "Not like this", "This address takes another kind of request."}
	errBody        = &problem{http.StatusBadRequest, "Not understood", "What was sent cannot be read. Open the page again and repeat it."}
	errTooLong     = &problem{http.StatusRequestEntityTooLarge, "Too long", "What was sent is too long. Shorten it and send it again."}
	errSeat        = &problem{http.StatusForbidden, "Refused", "The passkey that you signed in with decides nothing. Sign in with one that does."}
	errBusy        = &problem{http.StatusTooManyRequests, "One at a time", "You are loading this already. Wait until it is there, or stop it, and try again."}
	errSlow        = &problem{http.StatusTooManyRequests, "Too fast", "Too many requests came from here. Wait a minute and try again."}
)

// fail answers an error. A person reads what was refused and why; of what failed
// they get a reference only.
func (x *exchange) fail(err error) {
	if errors.Is(err, context.Canceled) && (x.sent || x.r.Context().Err() != nil) {
		return // who asked has gone
	}
	if x.sent {
		x.p.report(fmt.Errorf("portal: %s after the answer began: %w", x.r.Pattern, err))
		return
	}
	e, ref := x.problem(err)
	if e.status == http.StatusTooManyRequests {
		x.w.Header().Set("Retry-After", "60")
	}
	if x.wantsJSON() {
		_ = x.answer(e.status, map[string]string{"error": e.why, "reference": ref})
		return
	}
	if err := x.show(e.status, "problem", e.title, problemPage{e.title, e.why, ref}); err != nil {
		x.p.report(fmt.Errorf("portal: show problem: %w", err))
	}
}

type problemPage struct{ Title, Why, Reference string }

// problem puts an error into words for the person.
func (x *exchange) problem(err error) (e problem, reference string) {
	var own *problem
	switch {
	case errors.As(err, &own):
		return problem{own.status, x.say.text(own.title), x.say.text(own.why)}, ""
	case unknown(err):
		return problem{errNoPage.status, x.say.text(errNoPage.title), x.say.text(errNoPage.why)}, ""
	case refusal(err) != "":
		return problem{http.StatusForbidden, x.say.text("Refused"), x.say.refused(refusal(err))}, ""
	}
	reference = newReference()
	x.p.report(fmt.Errorf("portal: reference %s: %s %s: %w", reference, x.r.Method, x.r.Pattern, err))
	return problem{http.StatusInternalServerError, x.say.text("Something failed here"),
		x.say.text("It is not your doing. Try again in a minute; if it stays, tell who runs Lockbox and give them the reference.")}, reference
}

func newReference() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return "e-" + hex.EncodeToString(b[:])
}

func (p *Portal) report(err error) {
	if p.Report != nil {
		p.Report(err)
	}
}
