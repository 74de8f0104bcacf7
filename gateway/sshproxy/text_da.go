package sshproxy

import "lockbox/gateway/sshproxy/speech"

func danish() texts {
	return texts{speech.In("da", nil), askingDanish(), grantingDanish(), refusingDanish(), workingDanish(), commandsDanish(), deedsDanish(), jumpingDanish(), filingDanish(), forwardingDanish(), reachingDanish(), loggingInDanish()}
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

func commandsDanish() commands {
	return commands{
		noWords:        "kommandoen kan ikke læses: %v",
		unknownCommand: "der er ingen kommando %q",
		seeHelp:        "ssh GATEWAY help viser kommandoerne",
		sayWhy:         "sig hvorfor: --reason \"hvad der er galt, og hvad du vil gøre\"",
		haveGrant:      "adgang %s til %s gælder allerede: forbind blot",
		submitted:      "Anmodning %s er sendt: %s@%s i %s.",
		follow:         "Følg den med: status %s, eller %s",
		noRequests:     "Du har ingen åbne anmodninger.",
		noGrants:       "Du har ingen adgange.",
		noTargets:      "Der er intet mål, som du kan bede om.",
		cancelled:      "Anmodning %s er trukket tilbage.",
		givenBack:      "Adgang %s er givet tilbage; dens sessioner er slut.",
		grantWaits:     "godkendt i %s; start inden %s",
		grantRuns:      "%s tilbage",
		isPending:      "venter på godkendelse",
		isRejected:     "afvist: %s",
		help: `ssh TARGET@GATEWAY              gå ind: spørg, vent, rør og arbejd, alt i ét
ssh LOGIN%TARGET@GATEWAY        med det login
ssh -J GATEWAY LOGIN@TARGET     det samme, som om der ingen gateway var (også scp, sftp, rsync, git og Ansible)

ssh GATEWAY request TARGET --for 1h --reason "hvad, og sagsnummer" [--login L] [--customer C] [--ticket T] [--code CODE]
ssh GATEWAY request TARGET --do HANDLING ...    til andet end en skal: --do forward --to 127.0.0.1:5432
ssh GATEWAY status [ID]         dine åbne anmodninger, eller én i detaljer (exit 0 godkendt, 75 venter, 77 slut)
ssh GATEWAY status --all        også dem, der er slut
ssh GATEWAY extend ID 30m [--reason "hvorfor"]    bed om mere tid under en adgang i brug
ssh GATEWAY accept ID           lov det, som godkenderne bad om
ssh GATEWAY say ID "tekst" [--to KUNDE]           skriv i tråden til en anmodning
ssh GATEWAY cancel ID           træk en anmodning tilbage
ssh GATEWAY give-back ID        slut en adgang før tid
ssh GATEWAY revoke ID [grund]   tilbagekald en adgang, som en der afgør den eller har den
ssh GATEWAY reject ID "hvorfor" sig nej, som en der afgør; et ja er en underskrift med adgangsnøgle, på siden
ssh GATEWAY grants              hvad du har
ssh GATEWAY targets             hvor du kan bede om at komme hen
ssh GATEWAY motions             hvad der ellers venter på underskrifter eller gælder: hvem der beslutter, stedfortrædere, instrukser, politikken
ssh GATEWAY oppose CODE "why"   sig nej til et forslag; et ja er en underskrift med adgangsnøgle, på dets side
ssh GATEWAY token [--scope read,ask,end] [--for 15m]   et token til API'et og lockbox' kommandoer; det kan aldrig sige ja
ssh GATEWAY ssh-config [--gateway VÆRT:PORT]   blokke til ~/.ssh/config og linjer til known_hosts: så er ssh MÅL nok
ssh GATEWAY help                dette

--json giver ethvert svar som JSON.`,
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

func deedsDanish() deeds {
	return deeds{
		allOrOne:      "status ID fortæller om én anmodning, status --all også om dem, der er slut",
		extendForm:    "sig hvor længe: extend ID 30m",
		sameWork:      "det samme arbejde tager længere tid end ventet",
		extending:     "Anmodning %s er sendt: %s mere under adgang %s. %s",
		sayForm:       "sig hvad: say ID \"tekst\"",
		said:          "Det står i tråden til anmodning %s.",
		revoked:       "Adgang %s er tilbagekaldt; dens sessioner er slut.",
		rejectForm:    "sig hvorfor: reject ID \"kommentar\"",
		rejectedIt:    "Anmodning %s har fået dit nej.",
		approveThere:  "at godkende er en underskrift med din adgangsnøgle, og ingen kommando giver den: %s",
		grantPromises: "godkendt i %s, hvis du lover noget: accept %s",
		grantLater:    "godkendt i %s; starter %s",
		isExpired:     "ikke besvaret i tide",
		isWithdrawn:   "trukket tilbage",
		isApproved:    "godkendt",
		isDeclined:    "afvist",
		isNext:        "ikke spurgt endnu",
		moreFor:       "mere tid til %s",
		askedAt:       "spurgt %s",
		stageLine:     "%s: %s",
		answerBy:      "svar inden %s",
		rungTo:        "%s: %s kan også svare",
		rungRemind:    "%s: alle mindes om det",
		standing:      "kundens egen instruks %s",
		noMotions:     "Der er ingen forslag, du kan se.",
		opposed:       "Du sagde nej til forslag %s.",
		noTokens:      "denne gateway giver ingen tokens",
		saidYes:       "%s: ja i %s",
		old:           "%s gammelt",
	}
}
