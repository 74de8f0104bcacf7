package console

import (
	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// texts are what the commands say, in one language.
type texts struct {
	speech.Words

	noWords, unknownCommand, seeHelp, sayWhy, haveGrant, submitted, follow, noRequests      string
	noGrants, noTargets, cancelled, givenBack, grantWaits, grantRuns, isPending, isRejected string
	allOrOne, extendForm, sameWork, extending, sayForm, said, revoked, rejectForm           string
	rejectedIt, approveThere, grantPromises, grantLater, isExpired, isWithdrawn, isApproved string
	isDeclined, isNext, moreFor, askedAt, stageLine, answerBy, rungTo, rungRemind, standing string
	noTokens, noMotions, opposed, saidYes, old, noSuchWork, toForm, help                    string
	noSecret, typeCode, broken, second, thenTouch                                           string
}

// speak gives the texts in the language of a POSIX locale.
func speak(locale string, book func() *policy.Policy) *texts {
	t := english()
	if speech.Danish(locale) {
		t = danish()
	}
	t.Words = speech.In(locale, book)
	return t
}

func english() *texts {
	return &texts{
		noWords:        "the command cannot be read: %v",
		unknownCommand: "there is no command %q",
		seeHelp:        "ssh GATEWAY help lists the commands",
		sayWhy:         "say why: --reason \"what is wrong, and what you will do\"",
		haveGrant:      "grant %s for %s is in force already: just connect",
		submitted:      "Request %s is sent: %s@%s for %s.",
		follow:         "Follow it with: status %s, or %s",
		noRequests:     "You have no open requests.",
		noGrants:       "You have no grants.",
		noTargets:      "There is no target that you may ask for.",
		cancelled:      "Request %s is withdrawn.",
		givenBack:      "Grant %s is given back; its sessions have ended.",
		grantWaits:     "approved for %s; start before %s",
		grantRuns:      "%s left",
		isPending:      "waiting for approval",
		isRejected:     "declined: %s",
		allOrOne:       "status ID tells of one request, status --all of those that are over too",
		extendForm:     "say for how long: extend ID 30m",
		sameWork:       "the same work takes longer than expected",
		extending:      "Request %s is sent: %s more under grant %s. %s",
		sayForm:        "say what: say ID \"text\"",
		said:           "It is in the thread of request %s.",
		revoked:        "Grant %s is revoked; its sessions have ended.",
		rejectForm:     "say why: reject ID \"comment\"",
		rejectedIt:     "Request %s has your no.",
		approveThere:   "approving is a signature with your passkey, and no command gives it: %s",
		grantPromises:  "approved for %s, if you promise something: accept %s",
		grantLater:     "approved for %s; starts at %s",
		isExpired:      "not answered in time",
		isWithdrawn:    "withdrawn",
		isApproved:     "approved",
		isDeclined:     "declined",
		isNext:         "not asked yet",
		moreFor:        "more time for %s",
		askedAt:        "asked %s",
		stageLine:      "%s: %s",
		answerBy:       "answer by %s",
		rungTo:         "%s: %s may answer too",
		rungRemind:     "%s: all are told again",
		standing:       "its own instruction %s",
		noMotions:      "There are no motions for you to see.",
		opposed:        "You said no to motion %s.",
		noTokens:       "this gateway gives no tokens",
		saidYes:        "%s: yes for %s",
		old:            "%s old",
		noSuchWork:     "there is no action %q: write one of %s",
		toForm:         "--to is where a tunnel ends (--do forward): host:port, as the rule lists it",
		noSecret:       "there is nowhere to type the sealed code: use a terminal (ssh -t), or give it on standard input",
		typeCode:       "Sealed code (it is not shown)",
		broken:         "EMERGENCY %s: the glass is broken for %s@%s, for %s.",
		second:         "A second person of %s has to say yes now, with their passkey: %s",
		thenTouch:      "Then connect as %s to %s and touch yours. Executives and customers are told, and executives have 24 hours to ratify it.",
		help:           helpEnglish,
	}
}

func danish() *texts {
	return &texts{
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
		allOrOne:       "status ID fortæller om én anmodning, status --all også om dem, der er slut",
		extendForm:     "sig hvor længe: extend ID 30m",
		sameWork:       "det samme arbejde tager længere tid end ventet",
		extending:      "Anmodning %s er sendt: %s mere under adgang %s. %s",
		sayForm:        "sig hvad: say ID \"tekst\"",
		said:           "Det står i tråden til anmodning %s.",
		revoked:        "Adgang %s er tilbagekaldt; dens sessioner er slut.",
		rejectForm:     "sig hvorfor: reject ID \"kommentar\"",
		rejectedIt:     "Anmodning %s har fået dit nej.",
		approveThere:   "at godkende er en underskrift med din adgangsnøgle, og ingen kommando giver den: %s",
		grantPromises:  "godkendt i %s, hvis du lover noget: accept %s",
		grantLater:     "godkendt i %s; starter %s",
		isExpired:      "ikke besvaret i tide",
		isWithdrawn:    "trukket tilbage",
		isApproved:     "godkendt",
		isDeclined:     "afvist",
		isNext:         "ikke spurgt endnu",
		moreFor:        "mere tid til %s",
		askedAt:        "spurgt %s",
		stageLine:      "%s: %s",
		answerBy:       "svar inden %s",
		rungTo:         "%s: %s kan også svare",
		rungRemind:     "%s: alle mindes om det",
		standing:       "kundens egen instruks %s",
		noMotions:      "Der er ingen forslag, du kan se.",
		opposed:        "Du sagde nej til forslag %s.",
		noTokens:       "denne gateway giver ingen tokens",
		saidYes:        "%s: ja i %s",
		old:            "%s gammelt",
		noSuchWork:     "der er ingen handling %q: skriv en af %s",
		toForm:         "--to er, hvor en tunnel ender (--do forward): vært:port, som reglen skriver den",
		noSecret:       "der er intet sted at skrive den forseglede kode: brug en terminal (ssh -t), eller giv den på standard input",
		typeCode:       "Forseglet kode (den vises ikke)",
		broken:         "NØDADGANG %s: glasset er brudt for %s@%s, i %s.",
		second:         "En anden fra %s skal sige ja nu, med sin adgangsnøgle: %s",
		thenTouch:      "Forbind så som %s til %s og rør din. Direktion og kunder får besked, og direktionen har 24 timer til at godkende det bagefter.",
		help:           helpDanish,
	}
}

const helpEnglish = `ssh TARGET@GATEWAY              go in: ask, wait, touch and work, all in one
ssh LOGIN%TARGET@GATEWAY        with that login
ssh -J GATEWAY LOGIN@TARGET     the same, as if there were no gateway (scp, sftp, rsync, git and Ansible, too)

ssh GATEWAY request TARGET --for 1h --reason "what, and the ticket" [--login L] [--customer C] [--ticket T] [--code CODE]
ssh GATEWAY request TARGET --do ACTION ...      for other work than a shell: --do forward --to 127.0.0.1:5432
ssh -t GATEWAY glass TARGET --reason "what"   in an emergency: a sealed code and a second person instead of approval
ssh GATEWAY status [ID]         your open requests, or one in full (exit 0 approved, 75 waiting, 77 over)
ssh GATEWAY status --all        those that are over, too
ssh GATEWAY extend ID 30m [--reason "why"]    ask for more time under a grant in use
ssh GATEWAY accept ID           promise what the approvers asked for
ssh GATEWAY say ID "text" [--to CUSTOMER]     write into the thread of a request
ssh GATEWAY cancel ID           withdraw a request
ssh GATEWAY give-back ID        end a grant early
ssh GATEWAY revoke ID [reason]  end a grant, as one who decides on it or holds it
ssh GATEWAY reject ID "why"     say no, as one who decides; a yes is a passkey signature, on the page
ssh GATEWAY grants              what you hold
ssh GATEWAY targets             where you may ask to go
ssh GATEWAY motions             what else waits for signatures or holds: who decides, deputies, instructions, the policy
ssh GATEWAY oppose CODE "why"   say no to a motion; a yes is a passkey signature, on its page
ssh GATEWAY token [--scope read,ask,end] [--for 15m]   a token for the API and the commands of lockbox; it can never say yes
ssh GATEWAY ssh-config [--gateway HOST:PORT]   blocks for ~/.ssh/config and lines for known_hosts: ssh TARGET alone is enough then
ssh GATEWAY help                this

--json gives any answer as JSON.`

const helpDanish = `ssh TARGET@GATEWAY              gå ind: spørg, vent, rør og arbejd, alt i ét
ssh LOGIN%TARGET@GATEWAY        med det login
ssh -J GATEWAY LOGIN@TARGET     det samme, som om der ingen gateway var (også scp, sftp, rsync, git og Ansible)

ssh GATEWAY request TARGET --for 1h --reason "hvad, og sagsnummer" [--login L] [--customer C] [--ticket T] [--code CODE]
ssh GATEWAY request TARGET --do HANDLING ...    til andet end en skal: --do forward --to 127.0.0.1:5432
ssh -t GATEWAY glass TARGET --reason "hvad"   i en nødsituation: en forseglet kode og en anden person i stedet for godkendelse
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

--json giver ethvert svar som JSON.`
