package sshproxy

import (
	"fmt"

	"lockbox/gateway/sshproxy/target"
)

// reaching is what is said of targets: what is the matter with one, in a word
// or two, and what to do next.
type reaching struct {
	notReached, notNow                                                                               string
	isForbidden, isOurs, isUnresolved, isNoRoute, isRefused, isTimedOut, isNoSSH, isFull, isNoCommon string
	isOtherKey, isHostCert, isUnwelcome, isUnsigned, isCut, isHeld, isUnknown                        string
	noChannel, noTerminal, noProgram                                                                 string
	nextLater, nextMend, nextKey, nextUnwelcome, nextHeld, nextChannel, nextTerminal, nextRun        string
}

func reachingEnglish() reaching {
	return reaching{
		notReached:    "%s cannot be reached: %s",
		notNow:        "%s does not answer as it should now (%s); operators are told. The request is sent all the same.",
		isForbidden:   "its address is of a kind that no target has",
		isOurs:        "its address leads back to this gateway",
		isUnresolved:  "its name does not resolve",
		isNoRoute:     "nothing leads there",
		isRefused:     "connection refused",
		isTimedOut:    "it does not answer in time",
		isNoSSH:       "what answers there does not speak SSH",
		isFull:        "its SSH takes no more connections at the moment",
		isNoCommon:    "its SSH and this gateway have no algorithms in common",
		isOtherKey:    "whoever answers has another host key than the policy pins; nothing was sent",
		isHostCert:    "its host certificate does not hold; nothing was sent",
		isUnwelcome:   "it does not take this gateway's certificate for that login",
		isUnsigned:    "the gateway could not make a certificate",
		isCut:         "it closed the connection before it let anybody in",
		isHeld:        "the session was frozen before the connection stood",
		isUnknown:     "the connection failed",
		noChannel:     "%s opens no session",
		noTerminal:    "%s gives no terminal",
		noProgram:     "%s does not start the program",
		nextLater:     "operators are told: run the same command again in a minute, and ask them if it stays so",
		nextMend:      "operators are told and have to mend it: your grant stays, so run the same command again when they have",
		nextKey:       "do not go there another way: operators are told, and find out whether it was replaced or somebody stands in between",
		nextUnwelcome: "operators are told: on the target they have to check TrustedUserCAKeys, that the login exists, and the clock",
		nextHeld:      "run the same command again once it may go on",
		nextChannel:   "its sshd allows no more sessions on one connection (MaxSessions): close one, or connect again",
		nextTerminal:  "its sshd gives none to this login (PermitTTY): run a command instead, or ask its operator",
		nextRun:       "its sshd allows the login no such thing (ForceCommand, ChrootDirectory): ask its operator",
	}
}

func reachingDanish() reaching {
	return reaching{
		notReached:    "%s kan ikke nås: %s",
		notNow:        "%s svarer ikke, som den skal, lige nu (%s); driften har fået besked. Anmodningen sendes alligevel.",
		isForbidden:   "dens adresse er af en slags, som intet mål har",
		isOurs:        "dens adresse fører tilbage til denne gateway",
		isUnresolved:  "dens navn kan ikke slås op",
		isNoRoute:     "der er ingen vej dertil",
		isRefused:     "forbindelsen blev afvist",
		isTimedOut:    "den svarer ikke i tide",
		isNoSSH:       "det, der svarer, taler ikke SSH",
		isFull:        "dens SSH tager ikke flere forbindelser i øjeblikket",
		isNoCommon:    "dens SSH og denne gateway har ingen algoritmer til fælles",
		isOtherKey:    "den, der svarer, har en anden værtsnøgle end politikken angiver; intet blev sendt",
		isHostCert:    "dens værtscertifikat holder ikke; intet blev sendt",
		isUnwelcome:   "den tager ikke imod gatewayens certifikat til det login",
		isUnsigned:    "gatewayen kunne ikke lave et certifikat",
		isCut:         "den lukkede forbindelsen, før den lukkede nogen ind",
		isHeld:        "sessionen blev frosset, før forbindelsen stod",
		isUnknown:     "forbindelsen mislykkedes",
		noChannel:     "%s åbner ingen session",
		noTerminal:    "%s giver ingen terminal",
		noProgram:     "%s starter ikke programmet",
		nextLater:     "driften har fået besked: kør samme kommando igen om et minut, og spørg dem, hvis det varer ved",
		nextMend:      "driften har fået besked og skal rette det: din adgang består, så kør samme kommando igen, når de har",
		nextKey:       "gå ikke derhen ad en anden vej: driften har fået besked og finder ud af, om nøglen er skiftet, eller om nogen står imellem",
		nextUnwelcome: "driften har fået besked: på målet skal de se efter TrustedUserCAKeys, at login findes, og uret",
		nextHeld:      "kør samme kommando igen, når den må fortsætte",
		nextChannel:   "dens sshd tillader ikke flere sessioner på én forbindelse (MaxSessions): luk en, eller forbind igen",
		nextTerminal:  "dens sshd giver ingen til dette login (PermitTTY): kør en kommando i stedet, eller spørg dens driftsansvarlige",
		nextRun:       "dens sshd tillader ikke login dette (ForceCommand, ChrootDirectory): spørg dens driftsansvarlige",
	}
}

// matter is what is the matter with a target, in a word or two.
func (r *reaching) matter(k target.Kind) string {
	switch k {
	case target.Forbidden:
		return r.isForbidden
	case target.Ourselves:
		return r.isOurs
	case target.Unresolved:
		return r.isUnresolved
	case target.NoRoute:
		return r.isNoRoute
	case target.Refused:
		return r.isRefused
	case target.TimedOut:
		return r.isTimedOut
	case target.NoSSH:
		return r.isNoSSH
	case target.Full:
		return r.isFull
	case target.NoCommon:
		return r.isNoCommon
	case target.OtherKey:
		return r.isOtherKey
	case target.HostCert:
		return r.isHostCert
	case target.Unwelcome:
		return r.isUnwelcome
	case target.Unsigned:
		return r.isUnsigned
	case target.Cut:
		return r.isCut
	case target.Held:
		return r.isHeld
	}
	return r.isUnknown
}

// faulty is why there is no connection to a target, and what to do next.
func (r *reaching) faulty(name string, k target.Kind) (why, next string) {
	switch k {
	case target.NoChannel:
		return fmt.Sprintf(r.noChannel, name), r.nextChannel
	case target.NoTerminal:
		return fmt.Sprintf(r.noTerminal, name), r.nextTerminal
	case target.NoProgram:
		return fmt.Sprintf(r.noProgram, name), r.nextRun
	}
	why, next = fmt.Sprintf(r.notReached, name, r.matter(k)), r.nextMend
	switch {
	case k == target.OtherKey, k == target.HostCert:
		next = r.nextKey
	case k == target.Unwelcome:
		next = r.nextUnwelcome
	case k == target.Held:
		next = r.nextHeld
	case k.Retry():
		next = r.nextLater
	}
	return why, next
}
