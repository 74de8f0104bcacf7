package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// People knows who there is.
type People interface {
	// Voters lists those whose passkeys could fill the stage now.
	Voters(tx *ledger.Tx, s policy.Stage) ([]policy.Principal, error)
	// Current gives a person as they are now; who left is an error.
	Current(tx *ledger.Tx, id string) (policy.Principal, error)
}

// A Planner finds out who is to be told of an event, over what, and whether they
// still are. It keeps nothing.
type Planner struct {
	Desk     *approvals.Desk
	People   People
	Channels []Channel
	Places   []Place

	// Deaf says whether a channel is known not to reach a person at an address: Outbox.Deaf. It is tried
	// all the same; nil: nothing is known.
	Deaf func(channel, person, address string) (bool, error)
}

// A plan is what comes of one event: each notice once.
type plan struct {
	*Planner
	tx    *ledger.Tx
	e     ledger.Event
	about string
	out   []Notice
}

// Plan lists the notices of an event, as things stood when it was written: votes
// that came later change nothing. Who there is and how they are reached is as in
// the snapshot that is read.
func (p *Planner) Plan(tx *ledger.Tx, e ledger.Event) ([]Notice, error) {
	l := &plan{Planner: p, tx: tx, e: e}
	for _, as := range placed(e.Kind) {
		if as.whom == nobody {
			continue
		}
		if err := l.tell(as); err != nil {
			return nil, fmt.Errorf("whom event %d (%s) is for: %w", e.Seq, e.Kind, err)
		}
	}
	l.deeds()
	return l.out, nil
}

func (l *plan) tell(as part) error {
	switch as.whom {
	case deciders, climbers, asker, asked, minders, skipped, talkers:
		return l.ofRequest(as)
	case signers, movers:
		return l.ofMotion(as)
	case oneself:
		return l.ofPerson(as)
	}
	return l.ofGateway(as)
}

// person plans a notice for somebody, over each channel that reaches them.
func (l *plan) person(t Topic, who string, stage, rung int) error {
	channels, err := l.reach(l.tx, who)
	for _, name := range channels {
		l.add(Notice{Channel: name, To: who, Topic: t, About: l.about, Stage: stage, Rung: rung})
	}
	return err
}

// people plans a notice for each of them.
func (l *plan) people(t Topic, all []policy.Principal) error {
	for _, who := range all {
		if err := l.person(t, who.ID, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// places plans a notice for each place that the topic is told at.
func (l *plan) places(t Topic) {
	for _, at := range l.Places {
		if slices.Contains(at.Topics, t) {
			l.add(Notice{Channel: at.Channel, To: at.To, Topic: t, About: l.about})
		}
	}
}

// deeds hands the event to those programs that want it.
func (l *plan) deeds() {
	if len(l.e.Subjects) > 0 {
		l.about = l.e.Subjects[0]
	} else {
		l.about = l.e.Kind
	}
	for _, at := range l.Places {
		if slices.Contains(at.Topics, Deed) && at.wants(l.e) {
			l.add(Notice{Channel: at.Channel, To: at.To, Topic: Deed, About: l.about})
		}
	}
}

func (at Place) wants(e ledger.Event) bool {
	if at.Customer != "" && !slices.Contains(e.Customers, at.Customer) {
		return false
	}
	return len(at.Kinds) == 0 || slices.ContainsFunc(at.Kinds, func(k string) bool {
		sort, all := strings.CutSuffix(k, "*")
		return k == e.Kind || all && strings.HasPrefix(e.Kind, sort)
	})
}

func (l *plan) add(n Notice) {
	n.Seq, n.Kind, n.At = l.e.Seq, l.e.Kind, l.e.At
	n.ID = n.id()
	if !slices.ContainsFunc(l.out, func(m Notice) bool { return m.ID == n.ID }) {
		l.out = append(l.out, n)
	}
}

// id is the same for what tells the same: somebody is asked once for a stage of
// a request, and once at each rung, whatever events say that they are.
func (n Notice) id() string {
	parts := []string{n.Channel, n.To, string(n.Topic), n.About}
	switch n.Topic {
	case Waits:
		parts = append(parts, strconv.Itoa(n.Stage), strconv.Itoa(n.Rung))
	case Asked, Ending: // once
	default:
		parts = append(parts, strconv.FormatInt(n.Seq, 10))
	}
	h := sha256.New()
	for _, s := range parts {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// current is somebody as they are now; there is false where they left.
func (p *Planner) current(tx *ledger.Tx, id string) (who policy.Principal, there bool, err error) {
	who, err = p.People.Current(tx, id)
	if errors.Is(err, policy.ErrNobody) {
		return who, false, nil
	}
	return who, err == nil, err
}

// reach lists the channels over which a person is told, as they want it. Who left
// is reached over none.
func (p *Planner) reach(tx *ledger.Tx, id string) (names []string, err error) {
	who, there, err := p.current(tx, id)
	if err != nil || !there {
		return nil, err
	}
	ways, err := p.Ways(tx, who)
	if err != nil {
		return nil, err
	}
	for _, w := range ways {
		if !w.Off {
			names = append(names, w.Channel)
		}
	}
	return names, nil
}

// A Way is a channel that reaches a person.
type Way struct {
	Channel string
	Address string
	Off     bool // they do not want it used
	Deaf    bool // what was sent last was refused there, or given up
}

// address is where a channel reaches somebody. Whatever it does is an error at most.
func address(c Channel, tx *ledger.Tx, who policy.Principal) (at string, err error) {
	err = guarded(func() error {
		at, err = c.Address(tx, who)
		return err
	})
	return at, err
}

// Ways lists the channels that reach a person. Where they want none of them
// used, all are.
func (p *Planner) Ways(tx *ledger.Tx, who policy.Principal) (all []Way, err error) {
	set, err := SettingOf(tx, who.ID)
	if err != nil {
		return nil, err
	}
	on := 0
	for _, c := range p.Channels {
		at, err := address(c, tx, who)
		if err != nil || at == "" {
			continue // not reached there: the other channels go on, and that too few are reached is an alarm
		}
		deaf := false
		if p.Deaf != nil {
			if deaf, err = p.Deaf(c.Name(), who.ID, at); err != nil {
				return nil, err
			}
		}
		off := slices.Contains(set.Off, c.Name())
		if all = append(all, Way{c.Name(), at, off, deaf}); !off {
			on++
		}
	}
	for i := range all {
		all[i].Off = all[i].Off && on > 0
	}
	return all, nil
}
