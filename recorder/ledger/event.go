package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Erased stands where a personal field was, once it is erased.
const Erased = "erased"

// maxPrivate bounds the personal fields of one event, in bytes.
const maxPrivate = 1 << 18

// An Event is something that happened. Actor and the values of Private are
// personal: the log holds commitments to them, and they themselves are kept
// beside it and can be erased. All else stays for ever.
type Event struct {
	Seq      int64             `json:"seq"`  // position in the log, from 0; set by the ledger
	At       time.Time         `json:"at"`   // set by the ledger
	Kind     string            `json:"kind"` // "request.made"
	Actor    string            `json:"actor"`
	Subjects []string          `json:"subjects,omitempty"` // ids of request, session, customer
	Detail   map[string]string `json:"detail,omitempty"`   // hashes, durations, codes
	Private  map[string]string `json:"private,omitempty"`  // reason, comment, source address

	// Customers are the ids of those whom it concerns: it stands in the log of
	// each too, where Subjects do not name the others. All else is the same
	// there: Detail must not tell one customer of another.
	Customers []string `json:"customers,omitempty"`
}

// check refuses what could not be read back as it was written.
func (e Event) check() error {
	size := len(e.Actor)
	texts := append([]string{e.Kind, e.Actor}, e.Subjects...)
	for _, m := range []map[string]string{e.Detail, e.Private} {
		for k, v := range m {
			texts = append(texts, k, v)
		}
	}
	for k, v := range e.Private {
		size += len(k) + len(v)
	}
	if err := checkCustomers(slices.Sorted(slices.Values(e.Customers))); err != nil {
		return fmt.Errorf("event %s: %w", strings.ToValidUTF8(e.Kind, "?"), err)
	}
	switch {
	case e.Kind == "":
		return errors.New("an event needs a kind")
	case e.Kind == kindHead || e.Kind == kindBeat:
		return fmt.Errorf("event %s is the ledger's own to append", e.Kind)
	case e.Actor == "" || e.Actor == Erased:
		return fmt.Errorf("event %s needs an actor", e.Kind)
	case slices.Contains(e.Subjects, ""):
		return fmt.Errorf("event %s has an empty subject", e.Kind)
	case size > maxPrivate:
		return fmt.Errorf("event %s: %d bytes of personal text, at most %d", e.Kind, size, maxPrivate)
	case slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) }):
		return fmt.Errorf("event %s holds text that is not UTF-8", strings.ToValidUTF8(e.Kind, "?"))
	}
	return nil
}

// clone is the event as it is now, whatever the caller does to it later.
func (e Event) clone() Event {
	e.Subjects = slices.Clone(e.Subjects)
	e.Detail = maps.Clone(e.Detail)
	e.Private = maps.Clone(e.Private)
	e.Customers = slices.Sorted(slices.Values(e.Customers))
	return e
}

// checkCustomers wants ids in order, each once. They are part of the name of a
// log, so they are spelt as the policy spells them.
func checkCustomers(ids []string) error {
	for i, id := range ids {
		if !isCustomer(id) {
			return fmt.Errorf("%.80q is no id of a customer: small letters, digits, and . _ - after the first, at most 64", id)
		}
		if i > 0 && ids[i-1] >= id {
			return fmt.Errorf("customer %s is named twice or out of order", id)
		}
	}
	return nil
}

func isCustomer(id string) bool {
	for i := range len(id) {
		c := id[i]
		plain := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !plain && (i == 0 || !strings.ContainsRune("._-", rune(c))) {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// personal is what is kept beside a leaf.
type personal struct {
	actor   opening
	private map[string]opening
}

// An opening is what a commitment is to.
type opening struct {
	salt  salt
	value string
}

func (o opening) commit(kind, name string) Commitment {
	return commit(kind, o.salt, name, []byte(o.value))
}

// split parts an event into what goes into the log and what stays beside it.
func (e Event) split() (Leaf, personal) {
	f := Leaf{Seq: e.Seq, At: e.At, Kind: e.Kind, Subjects: e.Subjects, Customers: e.Customers, Detail: e.Detail}
	p := personal{actor: opening{newSalt(), e.Actor}}
	f.Actor = p.actor.commit(toActor, "")
	if len(e.Private) > 0 {
		p.private, f.Private = map[string]opening{}, map[string]Commitment{}
	}
	for name, value := range e.Private {
		p.private[name] = opening{newSalt(), value}
		f.Private[name] = p.private[name].commit(toPrivate, name)
	}
	return f, p
}

// join puts the event together again. beside is nil when it was erased.
func (f Leaf) join(beside []byte) (Event, error) {
	e := Event{Seq: f.Seq, At: f.At, Kind: f.Kind, Subjects: f.Subjects, Customers: f.Customers, Detail: f.Detail, Actor: Erased}
	if f.Private != nil {
		e.Private = map[string]string{}
	}
	for name := range f.Private {
		e.Private[name] = Erased
	}
	if beside == nil {
		return e, nil
	}
	p, err := f.open(beside)
	if err != nil {
		return Event{}, err
	}
	e.Actor = p.actor.value
	for name, o := range p.private {
		e.Private[name] = o.value
	}
	return e, nil
}

// open reads what is kept beside the leaf and holds it against the leaf.
func (f Leaf) open(beside []byte) (personal, error) {
	p, ok := parsePersonal(beside)
	if !ok {
		return p, tampered("the personal fields of event %d cannot be read", f.Seq)
	}
	same := f.Actor == p.actor.commit(toActor, "") && len(p.private) == len(f.Private)
	for name, c := range f.Private {
		same = same && c == p.private[name].commit(toPrivate, name)
	}
	if !same {
		return p, tampered("the personal fields of event %d were edited", f.Seq)
	}
	return p, nil
}

func (p personal) bytes() []byte {
	var out printer
	one := func(o opening) {
		out.raw(`{"salt":"` + base64.StdEncoding.EncodeToString(o.salt[:]) + `","value":`)
		out.text(o.value)
		out.raw(`}`)
	}
	out.raw(`{"actor":`)
	one(p.actor)
	if len(p.private) > 0 {
		object(out.name("private"), p.private, one)
	}
	return append(out.b, '}')
}

func parsePersonal(b []byte) (p personal, ok bool) {
	in := parser{rest: string(b)}
	one := func() (o opening) {
		in.raw(`{"salt":`)
		s, err := base64.StdEncoding.Strict().DecodeString(in.text())
		if err != nil || copy(o.salt[:], s) != len(o.salt) || len(s) != len(o.salt) {
			in.fail()
		}
		in.raw(`,"value":`)
		o.value = in.text()
		in.raw(`}`)
		return o
	}
	in.raw(`{"actor":`)
	p.actor = one()
	if in.maybe(`,"private":`) {
		p.private = readObject(&in, one)
	}
	in.raw(`}`)
	return p, !in.bad && in.rest == ""
}

// Whose is the name of a personal field: the customer whose person Actor is. In
// the logs of other customers all personal fields of the event are Withheld.
const Whose = "whose"

// Withheld stands where a personal field is not for who reads this log.
const Withheld = "withheld"

// seenBy is the event as the log of a customer shows it.
func (e Event) seenBy(customer string) Event {
	if whose := e.Private[Whose]; whose == "" || whose == customer {
		return e
	}
	e = e.clone()
	e.Actor = Withheld
	for name := range e.Private {
		e.Private[name] = Withheld
	}
	return e
}
