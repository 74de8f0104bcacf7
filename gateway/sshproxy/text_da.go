package sshproxy

import "lockbox/gateway/sshproxy/speech"

func danish() texts {
	return texts{speech.In("da", nil), askingDanish(), grantingDanish(), refusingDanish(), workingDanish(), jumpingDanish(), filingDanish(), forwardingDanish(), reachingDanish(), loggingInDanish()}
}

func askingDanish() asking {
	return asking{
		request:     "anmodning %s",
		noGrant:     "Du har ingen gyldig adgang til %s. Bed om en:",
		reasonCode:  "Slags begrundelse",
		reason:      "Begrundelse  (hvad, og sagsnummer)",
		ticket:      "Sagsnummer",
		ticketForm:  "Der skal bruges et sagsnummer, som passer til %s.",
		howLong:     "Hvor længe  (højst %s)",
		send:        "Send anmodningen? [J/n]",
		customer:    "Hvilken kunde",
		noSecret:    "der er intet sted at læse den forseglede kode fra: brug en terminal (ssh -t), eller giv den på standard input",
		chooseOne:   "Skriv navnet eller et tal fra 1 til %d.",
		sent:        "sendt %s som anmodning %s      %s",
		waitingFor:  "venter på %s. Ctrl-C går ud; kør den igen for at fortsætte.",
		approved:    "%s godkendte i %s (underskrevet med adgangsnøgle)",
		rejected:    "Anmodning %s blev afvist. %s",
		expired:     "Anmodning %s blev ikke besvaret i tide.",
		withdrawn:   "Anmodning %s blev trukket tilbage.",
		askAgain:    "Du kan spørge igen med samme kommando i en terminal.",
		leftForm:    "Intet blev sendt.",
		leftWait:    "Anmodning %s er stadig åben; samme kommando fortsætter her.",
		touch:       "Rør ved din adgangsnøgle for at starte. Siden spørger om dette tal:  %s",
		touched:     "berørt %s",
		touchStale:  "Det tal er for gammelt.",
		touchVoid:   "Den berøring gælder ikke: der blev skrevet tre forkerte tal. Var det ikke dig, så sig det til sikkerhed.",
		enterForNew: "Enter viser et nyt tal, Ctrl-C går ud.",
		leftTouch:   "Ikke startet. Adgangen venter; samme kommando fortsætter her.",
	}
}

func refusingDanish() refusing {
	return refusing{
		pending:       "anmodning %s om %s venter på godkendelse",
		laterOrWait:   "kør samme kommando senere, eller med LOCKBOX_WAIT=10m for at vente",
		waiting:       "anmodning %s venter på godkendelse: %s",
		patienceOver:  "anmodning %s blev ikke klar i den tid, du gav",
		sameAgain:     "kør samme kommando igen",
		howToAsk:      "spørg i en terminal med samme kommando, på siden herunder, eller: ssh GATEWAY request %s --reason \"...\"",
		touchFirst:    "start først %s i en terminal og rør ved din adgangsnøgle: det gælder i %s; eller sæt LOCKBOX_WAIT=2m",
		touchPlain:    "rør ved din adgangsnøgle på %s og skriv tallet %s dér",
		setCode:       "sæt LOCKBOX_CODE til en af dem, ved siden af LOCKBOX_REASON",
		whichCustomer: "det login når én kunde: sig hvilken (%s)",
		setCustomer:   "sæt LOCKBOX_CUSTOMER",
		giveBackFirst: "ssh GATEWAY give-back %s, og spørg så igen",
		holdsOnly:     "den gælder kun %s: arbejd inden for det, eller ssh GATEWAY give-back %s, og spørg igen",
		listTargets:   "ssh GATEWAY targets viser dem, du kan bede om",
		keyGone:       "din SSH-nøgle er ikke længere kendt her",
		noRequest:     "den anmodning findes ikke",
		internal:      "intern fejl, reference %s",
		promisePlain:  "adgang %s beder dig love: “%s”",
		acceptPlain:   "ssh GATEWAY accept %s lover det; kør så samme kommando",
		tooMany:       "du har %d forbindelser åbne her, og flere må én person ikke have",
		tooManyNext:   "luk en, eller del en (ControlMaster auto i ~/.ssh/config), og kør så samme kommando",
	}
}

func workingDanish() working {
	return working{
		grant:            "adgang %s",
		timeLeft:         "%s tilbage",
		startsNow:        " (starter nu)",
		recorded:         "Denne session optages.",
		endsIn:           "lockbox · %s · slutter om %d min",
		idle:             "der er intet sket i %s",
		lost:             "forbindelsen til %s gik tabt",
		recorder:         "optageren kan ikke skrive, så sessionen slutter",
		closing:          "gatewayen lukker; forbind igen om et øjeblik",
		frozen:           "tiden er gået; alt står stille, mens forlængelse %s venter på svar; %d s",
		frozenPromise:    "tiden er gået; alt står stille: forlængelse %s gælder, når du lover det, den beder om: ssh GATEWAY accept %s",
		thawed:           "fortsætter under adgang %s; %s tilbage",
		moreTime:         "mere tid: ssh GATEWAY extend %s 30m",
		extensionPromise: "derefter mere, når du lover det, der bedes om: ssh GATEWAY accept %s",
		extensionGiven:   "derefter fortsætter den under %s i %s",
		extensionWaits:   "forlængelse %s venter på svar",
		watchedFrom:      "%s ser med siden %s",
		recordedWatched:  "Denne session optages, og %s ser med.",
		waitsWatched:     "intet slipper igennem, før %s ser med: %s",
		mustWatch:        "intet slipper igennem, før en af dem, der afgør det, ser med: %s",
		unwatched:        "frosset: ingen af dem, der afgør det, ser med længere (%s); om %s slutter sessionen",
		frozenBy:         "frosset af %s; intet slipper igennem, før de lader den fortsætte, og om %s slutter sessionen",
		resumed:          "sessionen fortsætter",
		recorderSick:     "optageren kan ikke skrive; intet slipper igennem, før den kan",
		recorderWell:     "optageren skriver igen; sessionen fortsætter",
		amber:            "Gatewayen kan kun lige beholde sine optagelser; driften har fået besked.",
		or:               " eller ",
	}
}

func grantingDanish() granting {
	return granting{
		answerIt:     "Skriv et svar og tryk Enter; eller vent blot.",
		answer:       "svar",
		promiseHead:  "Godkendt, hvis du lover:",
		promiseNote:  "Det håndhæves ikke: det er dit ord, og det skrives ned.",
		acceptAsk:    "Lover du det? [j/N]",
		startsAt:     "adgang %s starter %s",
		declareThere: "Læs den og skriv under med din adgangsnøgle: %s",
		declareWait:  "venter på din underskrift. Ctrl-C går ud.",
		declaredNow:  "underskrevet",
	}
}
