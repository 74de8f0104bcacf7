package portal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"lockbox/recorder/ledger"
)

const (
	firstRead  = 5000 // events of the log that are read back at the first time
	keepNewest = 2000 // events about requests that are remembered
)

// newest remembers what the newest part of the log says about requests, so that a
// page reads only what is new. The zero value is ready.
type newest struct {
	mu     sync.Mutex // guards what follows
	begun  bool
	seq    int64          // of the newest event read
	whole  bool           // events go back to the beginning of the log
	events []ledger.Event // oldest first: kind, time, actor and subjects only
}

// read gives the newest events about requests and grants, oldest first, and
// whether they are all there ever were.
func (n *newest) read(ctx context.Context, l *ledger.Ledger) (events []ledger.Event, whole bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.begun {
		n.begun, n.seq = true, max(-1, l.Last()-firstRead)
		n.whole = n.seq < 0
	}
	for {
		page, err := l.After(ctx, n.seq, 1000)
		if err != nil {
			return nil, false, fmt.Errorf("read the newest events: %w", err)
		}
		if len(page) == 0 {
			break
		}
		n.seq = page[len(page)-1].Seq
		for _, e := range page {
			if strings.HasPrefix(e.Kind, "request.") || strings.HasPrefix(e.Kind, "grant.") {
				n.events = append(n.events, ledger.Event{Seq: e.Seq, At: e.At, Kind: e.Kind, Actor: e.Actor, Subjects: e.Subjects})
			}
		}
	}
	if over := len(n.events) - keepNewest; over > 0 {
		n.events, n.whole = slices.Delete(n.events, 0, over), false
	}
	return slices.Clone(n.events), n.whole, nil
}
