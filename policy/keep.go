package policy

import "time"

// A Hold remembers what a machine held when a policy was last in force, so that
// no change of files takes it away from a customer, or out of production, unseen.
type Hold struct {
	Target     string               `json:"target"`
	Customers  map[string]time.Time `json:"customers,omitempty"` // concerned until then; zero: they are listed now
	Production time.Time            `json:"production,omitzero"` // production until then
	Class      string               `json:"class,omitempty"`     // as it is listed now
}

// A Move takes a target away from a customer, or ("") down in class.
type Move struct {
	Target   string
	Customer string
	At       time.Time // when it takes effect
}

// Keep gives the policy that is in force at now when p is what the files say
// and held is what machines held before: whom a machine is taken away from stays
// concerned until delay has passed, and what was production stays so. It does
// not change p. Machines are known by each of their host key, host CA with
// address, and address: a new name does not make a new machine.
func (p *Policy) Keep(held map[string]Hold, now time.Time, delay time.Duration) (*Policy, map[string]Hold, []Move) {
	return p, held, nil
}
