package sshproxy

import "strings"

// texts are what people read, in one language. Sentences are complete; what
// policy and approvals say is passed on as they say it.
type texts struct {
	asking
	refusing
	working
	commands
}

// speak gives the texts in the language of a POSIX locale: Danish for da_*, else English.
func speak(locale string) texts {
	if locale == "da" || strings.HasPrefix(locale, "da_") || strings.HasPrefix(locale, "da.") {
		return danish()
	}
	return english()
}

// asking is what is said before the target is connected.
type asking struct {
	request, youAre, customers, noCustomers, approval, then, and, boardMember    string
	boardMembers, board, people, noGrant, reasonCode, reason, ticket, ticketForm string
	howLong, longForm, send, customer, chooseOne, sent, waitingFor, approved     string
	declined, rejected, expired, withdrawn, askAgain, leftForm, leftWait, touch  string
	touched, touchStale, touchVoid, enterForNew, leftTouch                       string
}

// refusing is what is said where there is no terminal, or no way.
type refusing struct {
	pending, laterOrWait, waiting, patienceOver, sameAgain, howToAsk, touchFirst, touchPlain                 string
	whichCode, setCode, whichCustomer, setCustomer, giveBackFirst, listTargets, keyGone, noRequest, internal string
	noSubsystem, noSubsystemNext                                                                             string
}

// working is what is said on the target, and at its end.
type working struct {
	grant, timeLeft, startsNow, readOnly, recorded, endsIn, idle, lost string
	unreachable, otherHost, noTerminal, noProgram, recorder, closing   string
}

// commands is what the command line says.
type commands struct {
	noWords, unknownCommand, seeHelp, sayWhy, haveGrant, submitted, follow, noRequests      string
	noGrants, noTargets, cancelled, givenBack, grantWaits, grantRuns, isPending, isRejected string
	help                                                                                    string
}
