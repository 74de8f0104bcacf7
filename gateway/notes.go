package gateway

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"unicode"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// Notes writes down what a door refused on one connection: each thing once,
// and not more than a few, so that no flood fills the log.
type Notes struct {
	g    *Gateway
	who  policy.Principal
	from netip.Addr

	mu   sync.Mutex // guards told
	told map[string]bool
}

// Bounds of what one connection can write into the log.
const (
	mostNotes = 16
	mostNoted = 64 // characters of a name that the client made up
)

// Notes begins those of one connection.
func (g *Gateway) Notes(who policy.Principal, from netip.Addr) *Notes {
	return &Notes{g: g, who: who, from: from, told: map[string]bool{}}
}

// Note writes down that the door refused something: a type of channel, a
// request or an action, on a target or ("") on the connection.
func (n *Notes) Note(ctx context.Context, what, on, why string) {
	what = printable(what)
	last, first := n.first(what + "\x00" + on)
	if !first {
		return
	}
	e := ledger.Event{
		Kind: "channel.refused", Actor: n.who.ID, Detail: map[string]string{"what": what, "why": why},
		Private: map[string]string{"from": n.from.String()},
	}
	if last {
		e.Detail["more"] = "what else is refused on this connection is not written down"
	}
	if n.g.Desk.Policy().Targets[on] != nil { // else it is a name that somebody typed
		e.Subjects = []string{on}
	}
	err := n.g.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(e)
		return err
	})
	if err != nil && ctx.Err() == nil {
		n.g.Report(fmt.Errorf("write down what was refused to %s: %w", n.who.ID, err))
	}
}

func (n *Notes) first(what string) (last, first bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told[what] || len(n.told) >= mostNotes {
		return false, false
	}
	n.told[what] = true
	return len(n.told) == mostNotes, true
}

// printable is a name as it may stand in the log.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, name)
	if r := []rune(name); len(r) > mostNoted {
		return string(r[:mostNoted]) + "…"
	}
	return name
}
