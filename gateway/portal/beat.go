package portal

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

// A live view sends a word each askEach, and its page sends it back. Who has
// sent none back that left here within goneAfter watches no more, whatever the
// network still believes: that is who has gone, reads too slowly, or looks at
// something else.
const (
	askEach   = time.Second
	goneAfter = 5 * time.Second / 2
	wordsMost = 4 // of one live view that may come back
)

// A pulse is when the newest word left that came back.
type pulse struct {
	look  string // whose it is, see lookKey
	words []string
	seen  time.Time
}

// pulses are the words that may come back. The zero value is ready.
type pulses struct {
	mu sync.Mutex // guards the rest, and what is in a pulse
	of map[string]sent
}

type sent struct {
	to *pulse
	at time.Time
}

// ask makes the next word for a pulse.
func (s *pulses) ask(to *pulse) string {
	word := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]sent{}
	}
	if to.words = append(to.words, word); len(to.words) > wordsMost {
		delete(s.of, to.words[0])
		to.words = to.words[1:]
	}
	s.of[word] = sent{to, time.Now()}
	return word
}

// answered notes that a word came back.
func (s *pulses) answered(look, word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, ok := s.of[word]; ok && w.to.look == look {
		delete(s.of, word)
		if w.at.After(w.to.seen) {
			w.to.seen = w.at
		}
	}
}

// quiet is how long ago the newest word left that came back.
func (s *pulses) quiet(to *pulse) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(to.seen)
}

func (s *pulses) forget(to *pulse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, word := range to.words {
		delete(s.of, word)
	}
}

// feel gives words to send, until ctx ends; it calls gone when none comes back any more.
func (p *Portal) feel(ctx context.Context, look string, words chan<- string, gone func()) {
	to := &pulse{look: look, seen: time.Now()}
	defer p.pulses.forget(to)
	each, check := time.NewTicker(askEach), time.NewTicker(askEach/10)
	defer each.Stop()
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-each.C:
			select {
			case words <- p.pulses.ask(to):
			default: // the one before is not sent yet
			}
		case <-check.C:
			if p.pulses.quiet(to) >= goneAfter {
				gone()
				return
			}
		}
	}
}

// beat takes a word back. It says nothing of whether there was one, and it is no
// sign that who is signed in does anything.
func (p *Portal) beat(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	p.pulses.answered(x.lookKey(x.r.PathValue("id")), x.value("word"))
	x.sent = true
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}
