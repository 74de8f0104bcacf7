package sshproxy

import "lockbox/gateway/sshproxy/speech"

func english() texts {
	return texts{speech.In("", nil), askingEnglish(), grantingEnglish(), refusingEnglish(), workingEnglish(), jumpingEnglish(), filingEnglish(), forwardingEnglish(), reachingEnglish(), loggingInEnglish()}
}

func askingEnglish() asking {
	return asking{
		request:     "request %s",
		noGrant:     "No active grant for %s. Ask for one:",
		reasonCode:  "Kind of reason",
		reason:      "Reason  (what, and the ticket)",
		ticket:      "Ticket",
		ticketForm:  "A ticket is needed that matches %s.",
		howLong:     "How long  (at most %s)",
		send:        "Send the request? [Y/n]",
		customer:    "Which customer",
		noSecret:    "there is nowhere to read the sealed code from: use a terminal (ssh -t), or give it on standard input",
		chooseOne:   "Type the name, or a number from 1 to %d.",
		sent:        "sent %s as request %s      %s",
		waitingFor:  "waiting for %s. Ctrl-C leaves; run it again to resume.",
		approved:    "%s approved for %s (signed with passkey)",
		rejected:    "Request %s was declined. %s",
		expired:     "Request %s was not answered in time.",
		withdrawn:   "Request %s was withdrawn.",
		askAgain:    "You may ask again: the same command in a terminal.",
		leftForm:    "Nothing was sent.",
		leftWait:    "Request %s stays open; the same command resumes here.",
		touch:       "Touch your passkey to start. The page asks for this number:  %s",
		touched:     "touched %s",
		touchStale:  "That number is too old.",
		touchVoid:   "That touch is void: three wrong numbers were typed. If it was not you, tell security.",
		enterForNew: "Enter shows a new number, Ctrl-C leaves.",
		leftTouch:   "Not started. The grant waits; the same command goes on here.",
	}
}

func refusingEnglish() refusing {
	return refusing{
		pending:       "request %s for %s is waiting for its approval",
		laterOrWait:   "run the same command later, or with LOCKBOX_WAIT=10m to wait for it",
		waiting:       "request %s is waiting for its approval: %s",
		patienceOver:  "request %s was not ready in the time you gave",
		sameAgain:     "run the same command again",
		howToAsk:      "ask in a terminal with the same command, on the page below, or: ssh GATEWAY request %s --reason \"...\"",
		touchFirst:    "first start %s in a terminal and touch your passkey: that counts for %s; or set LOCKBOX_WAIT=2m",
		touchPlain:    "touch your passkey at %s and type the number %s there",
		setCode:       "set LOCKBOX_CODE to one of them, beside LOCKBOX_REASON",
		whichCustomer: "that login reaches one customer: say which (%s)",
		setCustomer:   "set LOCKBOX_CUSTOMER",
		giveBackFirst: "ssh GATEWAY give-back %s, then ask again",
		holdsOnly:     "it holds only %s: work within that, or ssh GATEWAY give-back %s and ask again",
		listTargets:   "ssh GATEWAY targets lists those you may ask for",
		keyGone:       "your SSH key is not known here any more",
		noRequest:     "there is no such request",
		internal:      "internal error, reference %s",
		promisePlain:  "grant %s asks you to promise: “%s”",
		acceptPlain:   "ssh GATEWAY accept %s promises it; then run the same command",
		tooMany:       "you have %d connections open here, as many as one person may have",
		tooManyNext:   "close one, or share one (ControlMaster auto in ~/.ssh/config), then run the same command",
	}
}

func workingEnglish() working {
	return working{
		grant:            "grant %s",
		timeLeft:         "%s left",
		startsNow:        " (starts now)",
		recorded:         "This session is recorded.",
		endsIn:           "lockbox · %s · ends in %d min",
		idle:             "nothing has happened for %s",
		lost:             "the connection to %s was lost",
		recorder:         "the recorder cannot write, so the session ends",
		closing:          "the gateway is closing; connect again in a moment",
		frozen:           "time is up; frozen while extension %s waits for its approval; %d s",
		frozenPromise:    "time is up; frozen: extension %s is approved once you promise what it asks: ssh GATEWAY accept %s",
		thawed:           "goes on under grant %s; %s left",
		moreTime:         "more time: ssh GATEWAY extend %s 30m",
		extensionPromise: "then more, once you promise what is asked: ssh GATEWAY accept %s",
		extensionGiven:   "then it goes on under %s for %s",
		extensionWaits:   "extension %s waits for its approval",
		watchedFrom:      "%s watches since %s",
		recordedWatched:  "This session is recorded, and watched by %s.",
		waitsWatched:     "nothing passes until %s watches: %s",
		mustWatch:        "nothing passes until one of those who decide watches: %s",
		unwatched:        "frozen: none of those who decide watches any more (%s); in %s the session ends",
		frozenBy:         "frozen by %s; nothing passes until they let it go on, and in %s the session ends",
		resumed:          "the session goes on",
		recorderSick:     "the recorder cannot write; nothing passes until it can",
		recorderWell:     "the recorder writes again; the session goes on",
		amber:            "The gateway can only just keep its recordings; operators are told.",
		or:               " or ",
	}
}

func grantingEnglish() granting {
	return granting{
		answerIt:     "Type an answer and press Enter; or just wait.",
		answer:       "answer",
		promiseHead:  "Approved, if you promise:",
		promiseNote:  "This is not enforced: it is your word, and it is written down.",
		acceptAsk:    "Accept? [y/N]",
		startsAt:     "grant %s starts at %s",
		declareThere: "Read it and sign it with your passkey: %s",
		declareWait:  "waiting for your signature. Ctrl-C leaves.",
		declaredNow:  "signed",
	}
}
