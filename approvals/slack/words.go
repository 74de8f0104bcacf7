package slack

import "strings"

// words are what we say ourselves, in one language. {x} stands for what is filled in.
type words struct {
	Review, Decline, Ask, Back, Open, Send string
	Answer, Recording                      string

	ConfirmHead, Confirm string
	Foot                 string
	AskHead, AskLabel    string

	AnswerHead, AnswerLabel string

	RequestHead, Target, Login, LoginHint, Customer, CustomerHint string
	Reason, Need, NeedHint, Ticket, Long, Minutes, NoTargets      string
	Requested                                                     string

	Unknown, Stale, NoSuch, Internal, Busy, Later, Said, Declined string
	NotYou, Help, ListHead, ListNone, Waiting, Until, Ready       string
	ForYou, ListFoot                                              string
	Known, Withdrawn, Ended, NotYours                             string
}

func english() *words {
	return &words{
		Review: "Review and approve", Decline: "Decline", Ask: "Ask", Back: "Back", Open: "Open", Send: "Send",
		Answer: "Answer", Recording: "Watch the recording",
		AnswerHead: "Answer about {code}", AnswerLabel: "Your answer: who asked you, and all who decide with them, can read it",
		ConfirmHead: "Decline request {code}?", Confirm: "It counts as your no, and who asked is told. They can ask again.",
		Foot:    "Code {code} · text {digest} · approving takes your passkey on {host}",
		AskHead: "Ask about {code}", AskLabel: "Your question: all who decide with you and who asked can read it",
		RequestHead: "Ask for access", Target: "Where", Login: "Login", LoginHint: "Empty: the target's first",
		Customer: "Customer", CustomerHint: "Where the login reaches one", Reason: "Reason", Need: "What is wrong, and what you will do",
		NeedHint: "No passwords, no personal numbers", Ticket: "Ticket", Long: "How long", Minutes: "{n} minutes",
		NoTargets: "There is nothing that you may ask for from here.",
		Requested: "Request {code} is sent. Those who decide are asked.",
		Unknown:   "Lockbox does not know who you are. Within ten minutes, open this link where you are signed in to Lockbox, and type the number {number} there. Give neither to anybody.",
		Stale:     "That was about something else than the request is now. Nothing was done.",
		NoSuch:    "There is no such request, or it is not yours to see.",
		Internal:  "That did not work, and nothing can be said about it here. Try at Lockbox.",
		Busy:      "Too much at once: nothing was done. Try again, or go to Lockbox.",
		Later:     "This takes longer than usual. You will be told.",
		Said:      "It stands in the thread of {code}.", Declined: "You declined {code}.",
		NotYou:   "This was for whoever may decide on it. That is not you any more.",
		Help:     "/lockbox ask asks for access · /lockbox list shows what is open · /lockbox revoke CODE takes a request back or ends access · /lockbox link says who you are. Approving takes your passkey, at Lockbox.",
		ListHead: "Open for you:", ListNone: "Nothing is open for you.", Waiting: "waits, answer by {time}", Until: "open until {time}", Ready: "approved, not begun",
		ForYou: "waits for you, answer by {time}", ListFoot: "/lockbox revoke CODE takes yours back, or ends an access. Deciding is on each card, and at Lockbox.",
		Known:     "You are known here as {who}. It can be ended there.",
		Withdrawn: "Request {code} is withdrawn.", Ended: "The access {code} is ended, with its sessions.",
		NotYours: "Request {code} waits for others; decline it with the button on its card, or at Lockbox.",
	}
}

func danish() *words {
	return &words{
		Review: "Se og godkend", Decline: "Afvis", Ask: "Spørg", Back: "Tilbage", Open: "Åbn", Send: "Send",
		Answer: "Svar", Recording: "Se optagelsen",
		AnswerHead: "Svar om {code}", AnswerLabel: "Dit svar: den, der spurgte dig, og alle, der afgør det med dem, kan læse det",
		ConfirmHead: "Afvis anmodning {code}?", Confirm: "Det tæller som dit nej, og den, der spurgte, får det at vide. De kan spørge igen.",
		Foot:    "Kode {code} · tekst {digest} · at godkende kræver din adgangsnøgle på {host}",
		AskHead: "Spørg om {code}", AskLabel: "Dit spørgsmål: alle, der afgør det med dig, og den, der spurgte, kan læse det",
		RequestHead: "Bed om adgang", Target: "Hvor", Login: "Login", LoginHint: "Tomt: målets første",
		Customer: "Kunde", CustomerHint: "Hvor loginet når én", Reason: "Årsag", Need: "Hvad er galt, og hvad vil du gøre",
		NeedHint: "Ingen adgangskoder, ingen personnumre", Ticket: "Sag", Long: "Hvor længe", Minutes: "{n} minutter",
		NoTargets: "Der er intet, som du må bede om herfra.",
		Requested: "Anmodning {code} er sendt. De, der afgør det, bliver spurgt.",
		Unknown:   "Lockbox ved ikke, hvem du er. Åbn inden ti minutter dette link, hvor du er logget ind i Lockbox, og skriv tallet {number} der. Giv dem ikke til nogen.",
		Stale:     "Det handlede om noget andet, end anmodningen er nu. Intet blev gjort.",
		NoSuch:    "Der er ingen sådan anmodning, eller du må ikke se den.",
		Internal:  "Det virkede ikke, og mere kan ikke siges her. Prøv i Lockbox.",
		Busy:      "For meget på én gang: intet blev gjort. Prøv igen, eller gå til Lockbox.",
		Later:     "Det tager længere tid end ellers. Du får besked.",
		Said:      "Det står i tråden til {code}.", Declined: "Du afviste {code}.",
		NotYou:   "Dette var til den, der må afgøre det. Det er ikke længere dig.",
		Help:     "/lockbox ask beder om adgang · /lockbox list viser, hvad der er åbent · /lockbox revoke KODE tager en anmodning tilbage eller afslutter en adgang · /lockbox link siger, hvem du er. At godkende kræver din adgangsnøgle, i Lockbox.",
		ListHead: "Åbent for dig:", ListNone: "Intet er åbent for dig.", Waiting: "venter, svar inden {time}", Until: "åben til {time}", Ready: "godkendt, ikke begyndt",
		ForYou: "venter på dig, svar inden {time}", ListFoot: "/lockbox revoke KODE tager din egen tilbage eller afslutter en adgang. Du afgør på hvert kort og i Lockbox.",
		Known:     "Du er kendt her som {who}. Det kan afsluttes der.",
		Withdrawn: "Anmodning {code} er taget tilbage.", Ended: "Adgangen {code} er afsluttet, med dens sessioner.",
		NotYours: "Anmodning {code} venter på andre; afvis den med knappen på dens kort, eller i Lockbox.",
	}
}

func wordsIn(lang string) *words {
	if lang == "da" {
		return danish()
	}
	return english()
}

// fill puts values in: name, value, name, value.
func fill(text string, pairs ...string) string {
	var all []string
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, "{"+pairs[i]+"}", pairs[i+1])
	}
	return strings.NewReplacer(all...).Replace(text)
}
