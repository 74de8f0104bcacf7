package sshproxy

import (
	"fmt"
	"time"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/speech"
)

// texts are what people read, in one language. Sentences are complete; what
// policy and approvals say is passed on as they say it.
type texts struct {
	speech.Words
	asking
	granting
	refusing
	working
	jumping
	filing
	forwarding
	reaching
	loggingIn
}

// speak gives the texts in the language of a POSIX locale: Danish for da_*, else English.
// It is no value: who waits would have all of it on their stack.
func speak(locale string) *texts {
	t := new(texts)
	if speech.Danish(locale) {
		*t = danish()
	} else {
		*t = english()
	}
	return t
}

// asking is what is said before the target is connected.
type asking struct {
	request                                                                  string
	noGrant, reasonCode, reason, ticket, ticketForm                          string
	howLong, send, customer, noSecret, chooseOne, sent, waitingFor, approved string
	rejected, expired, withdrawn, askAgain, leftForm, leftWait, touch        string
	touched, touchStale, touchVoid, enterForNew, leftTouch                   string
}

// granting is what is said of terms, promises, deputies and threads.
type granting struct {
	answerIt, answer                                 string
	promiseHead, promiseNote, acceptAsk              string
	startsAt, declareThere, declareWait, declaredNow string
}

// refusing is what is said where there is no terminal, or no way.
type refusing struct {
	pending, laterOrWait, waiting, patienceOver, sameAgain, howToAsk, touchFirst, touchPlain                 string
	setCode, whichCustomer, setCustomer, giveBackFirst, holdsOnly, listTargets, keyGone, noRequest, internal string
	promisePlain, acceptPlain                                                                                string
	tooMany, tooManyNext                                                                                     string
}

// working is what is said on the target, and at its end.
type working struct {
	grant, timeLeft, startsNow, recorded, endsIn, idle, lost         string
	recorder, closing                                                string
	frozen, frozenPromise, thawed, moreTime                          string
	extensionPromise, extensionGiven, extensionWaits                 string
	watchedFrom, recordedWatched, waitsWatched, mustWatch, unwatched string
	frozenBy, resumed, recorderSick, recorderWell, amber, or         string
}

// frozenFor says that a session is frozen, for whose answer and how long.
func (t *texts) frozenFor(f gateway.Frozen, d time.Duration) string {
	if f.Accept {
		return t.frozenAccept(f)
	}
	return fmt.Sprintf(t.frozen, f.Extension, int(d.Round(time.Second).Seconds()))
}

func (t *texts) frozenAccept(f gateway.Frozen) string {
	return fmt.Sprintf(t.frozenPromise, f.Extension, f.Extension)
}

// goesOn says that a session was given more time.
func (t *texts) goesOn(grant, left string) string { return fmt.Sprintf(t.thawed, grant, left) }
