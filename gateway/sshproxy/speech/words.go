package speech

import (
	"strings"

	"lockbox/policy"
)

// Words are what is said of requests and grants wherever somebody reads of them.
type Words struct {
	YouAre, LongForm, WhichCode, Declined, PromiseLine, Accepted, NotAccepted, ReadOnly, And string // formats, or sentences

	customers, noCustomers, approval, then, boardMember, boardMembers, board, people, peer, owner, glass string
	standsAlready, deputy, notBefore, onlyActions, noFiles, watched, shorter, enforced                   string

	book func() *policy.Policy // nil: customers are called by what they are listed as
}

// In gives the words in the language of a POSIX locale. Customers are called as
// the policy calls them; nil where nobody speaks of them.
func In(locale string, book func() *policy.Policy) Words {
	w := english()
	if Danish(locale) {
		w = danish()
	}
	w.book = book
	return w
}

// Danish says whether a POSIX locale is Danish; all others read English.
func Danish(locale string) bool {
	return locale == "da" || strings.HasPrefix(locale, "da_") || strings.HasPrefix(locale, "da.")
}

func english() Words {
	return Words{
		YouAre:        "You are %s (key %s).",
		LongForm:      "Write a time such as 30m, 1h or 1h30m, at most %s.",
		WhichCode:     "say what kind of reason it is: %s",
		Declined:      "%s declined",
		PromiseLine:   "to promise: “%s”",
		Accepted:      "Accepted: grant %s can be used.",
		NotAccepted:   "Nothing is lost: grant %s waits; the same command asks again.",
		ReadOnly:      "read only",
		And:           " and ",
		customers:     "Customer data: %s.",
		noCustomers:   "No customer's data is concerned.",
		approval:      "Approval: %s.",
		then:          ", then ",
		boardMember:   "a board member",
		boardMembers:  "%d board members",
		board:         "board",
		people:        "%s: %d to ask",
		peer:          "a colleague of %s",
		owner:         "the owner (%s)",
		glass:         "EMERGENCY: a second person of %s, and nobody who decides",
		standsAlready: "%s: the yes stands already, by what they signed before",
		deputy:        "%s for %s",
		notBefore:     "not before %s",
		onlyActions:   "only %s",
		noFiles:       "no file transfer",
		watched:       "only while one of those who decide watches",
		shorter:       "%s instead of %s",
		enforced:      "Approved with less, which is enforced: %s.",
	}
}

func danish() Words {
	return Words{
		YouAre:        "Du er %s (nøgle %s).",
		LongForm:      "Skriv en tid som 30m, 1h eller 1h30m, højst %s.",
		WhichCode:     "sig, hvilken slags begrundelse det er: %s",
		Declined:      "%s afviste",
		PromiseLine:   "skal loves: “%s”",
		Accepted:      "Lovet: adgang %s kan bruges.",
		NotAccepted:   "Intet er tabt: adgang %s venter; samme kommando spørger igen.",
		ReadOnly:      "kun læsning",
		And:           " og ",
		customers:     "Kundedata: %s.",
		noCustomers:   "Ingen kundes data er berørt.",
		approval:      "Godkendelse: %s.",
		then:          ", derefter ",
		boardMember:   "et bestyrelsesmedlem",
		boardMembers:  "%d bestyrelsesmedlemmer",
		board:         "bestyrelsen",
		people:        "%s: %d kan svare",
		peer:          "en kollega fra %s",
		owner:         "ejeren (%s)",
		glass:         "NØDADGANG: en anden person fra %s, og ingen af dem, der afgør",
		standsAlready: "%s: svaret er ja på forhånd, efter det de har underskrevet",
		deputy:        "%s for %s",
		notBefore:     "ikke før %s",
		onlyActions:   "kun %s",
		noFiles:       "ingen filoverførsel",
		watched:       "kun mens en af dem, der afgør det, ser med",
		shorter:       "%s i stedet for %s",
		enforced:      "Godkendt med mindre, og det håndhæves: %s.",
	}
}
