package portal

import "lockbox/policy"

// A checkingPage says how to check what we say, without us.
type checkingPage struct {
	Log    string
	Key    string // the log's, as text
	Words  string // of its fingerprint
	Origin string // where people sign
	Steps  []string
	Own    string // address of the reader's log; "" for who has none
}

// steps are those of `lockbox verify`, in its order.
func (x *exchange) steps() []string {
	say := x.say.text
	return []string{
		say("The passkey signed the hash of exactly this statement."),
		say("It did so on the page of this site, not inside another."),
		say("The person was present, and the authenticator made sure that it was them."),
		say("The signature is by that passkey."),
		say("You pinned that passkey, or one that you pinned admitted or confirmed it."),
		say("The log's entry holds the hashes of statement and signature."),
		say("The entry is in the log: in yours, and yours in the main one."),
		say("The log's key signed that, and as many witnesses as you ask for saw it."),
		say("Statement, votes, time and sessions agree."),
	}
}

// checking shows /verify. It is for everybody: nothing in it is anybody's.
func (p *Portal) checking(x *exchange) error {
	c := checkingPage{Log: p.Desk.Log, Key: p.LogKey, Words: keyWords(p.LogKey), Origin: p.URL, Steps: x.steps(), Own: x.ownLog()}
	return x.show(ok, "verify", "Check it without us", c)
}

// ownLog is the address of the log that the reader may read; "" for who has none.
func (x *exchange) ownLog() string {
	may := func(customer string) bool {
		return x.who.Confirmed && x.p.Desk.Policy().Decide(policy.Question{Now: x.p.now(), Who: x.who.Principal, Do: policy.ReadLog, Customer: customer}).Verdict == policy.Allow
	}
	switch {
	case may(""):
		return "/log"
	case may(x.who.Customer):
		return "/c/log"
	}
	return ""
}
