package recorder

import (
	"bytes"
	"lockbox/recorder/redact"
	"regexp"
	"sync"
	"time"
)

const (
	echoMost = 4 << 10                // bytes that wait for their echo
	echoWait = 300 * time.Millisecond // so long
	gateLine = 256                    // bytes of the last line of output that are looked at
)

// A gate lets through what is typed at a terminal and echoed by the target.
// Typed bytes wait until the next output begins with them; then until the line
// ends, or for echoWait if all behind them was echoed too. At the first that is
// not, the line is lost: so a character of a password that some other output
// happens to show is not let through. Behind a prompt for a password nothing is
// until the line was ended. Control keys, and sequences, are counted only. What
// is lost leaves no time, no hash, and its size only in the total.
type gate struct {
	mu     sync.Mutex
	typed  []byte    // waits for its echo
	since  time.Time // when it began to wait, or was last echoed in part
	shown  []byte    // echoed, and the line goes on
	seen   time.Time // when the newest of shown was
	kept   []byte    // to be written
	lost   int64
	blind  bool          // till the line ends, nothing is kept
	keys   redact.Escape // of what is typed
	ss3    bool          // the next byte names a key
	out    redact.Escape // of the output
	line   []byte        // the last of the output, without sequences
	prompt bool          // it asks for a secret
}

// asks is how the prompts for secrets end: sudo's default, OpenSSH's, PAM's, and in Danish.
var asks = regexp.MustCompile(`(?i)(pass ?phrase|pass ?word|pass ?code|passwd|adgangskode|kodeord|\bkode\b|løsen|\bpin\b|pinkode|\bpuk\b|\botp\b|one.time|engangskode|(verification|authenticator|security|access|bekræftelses|2fa|mfa|totp)[- ]?(code|kode)|secret|\btoken\b)[^\n]{0,120}[:?>\]] *$`)

// asking is asks.Match: most lines do not end as a prompt does, and are not looked through.
func asking(line []byte) bool {
	end := bytes.TrimRight(line, " ")
	return len(end) > 0 && bytes.IndexByte([]byte(":?>]"), end[len(end)-1]) >= 0 && asks.Match(line)
}

// input takes what was typed.
func (g *gate) input(p []byte, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stale(now)
	for _, b := range p {
		g.key(b, now)
	}
}

func (g *gate) key(b byte, now time.Time) {
	was := g.keys
	g.keys = was.Next(b)
	named := g.ss3
	g.ss3 = was == redact.Escaped && b == 'O'
	switch ends := b == '\r' || b == '\n'; {
	case b == 0x03, b == 0x04, b == 0x1a, b == 0x1c: // ^C, ^D, ^Z, ^\: the line is over
		g.lost++
		if len(g.typed) > 0 {
			g.refuse()
		}
		g.blind = false
	case g.blind, g.prompt:
		g.lost++
		g.blind = !ends
	case named, was != redact.Ground || g.keys != redact.Ground, b < ' ' && !ends, b == 0x7f:
		g.lost++
	case len(g.typed) == echoMost:
		g.lost++
		g.refuse()
	default:
		if len(g.typed) == 0 {
			g.since = now
		}
		g.typed = append(g.typed, b)
	}
}

// output takes what the target wrote.
func (g *gate) output(p []byte, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stale(now)
	echo := g.match(p, now)
	g.read(p[max(0, len(p)-4*gateLine):])
	if echo { // who types the words of a prompt is not asked
		return
	}
	if g.prompt = asking(g.line); g.prompt {
		g.refuse()
		g.blind = true
	}
}

// match takes the echo from the beginning of output; whether all of that was echo.
func (g *gate) match(p []byte, now time.Time) bool {
	p = behindSequences(p)
	if len(g.typed) == 0 || len(p) == 0 {
		return false
	}
	n, lineEnds := 0, false
	for n < len(g.typed) && len(p) > 0 {
		b := g.typed[n]
		if lineEnds = b == '\r' || b == '\n'; lineEnds {
			p = behindSequences(p)
			rest := bytes.TrimPrefix(bytes.TrimPrefix(p, []byte("\r")), []byte("\n"))
			if len(p) == len(rest) {
				g.refuse()
				return false
			}
			p = rest
			g.kept = append(append(g.kept, g.shown...), g.typed[:n+1]...)
			g.shown = wiped(g.shown)
			g.typed = append(g.typed[:0], g.typed[n+1:]...)
			n = 0
			continue
		}
		if p[0] != b {
			g.refuse()
			return false
		}
		n, p = n+1, p[1:]
	}
	g.shown = append(g.shown, g.typed[:n]...)
	g.typed = append(g.typed[:0], g.typed[n:]...)
	g.since, g.seen = now, now
	if len(g.typed) == 0 && !lineEnds && len(p) > 0 && p[0] >= ' ' && p[0] != 0x7f { // more than an echo: it says something else
		g.refuse()
		g.blind = true
	}
	return len(p) == 0
}

// behindSequences is p without the escape sequences that it begins with.
func behindSequences(p []byte) []byte {
	s, from := redact.Ground, 0
	for i, b := range p {
		was := s
		if s = s.Next(b); was == redact.Ground && s == redact.Ground {
			break
		}
		if s == redact.Ground {
			from = i + 1
		}
	}
	if s != redact.Ground {
		return nil
	}
	return p[from:]
}

// read notes the last line of the output.
func (g *gate) read(p []byte) {
	for _, b := range p {
		was := g.out
		g.out = was.Next(b)
		switch {
		case b == '\n', was.Moved(b) == '\n':
			g.line = g.line[:0]
		case was != redact.Ground || g.out != redact.Ground || b < ' ':
		case len(g.line) == gateLine:
			g.line = append(g.line[:0], g.line[1:]...)
			fallthrough
		default:
			g.line = append(g.line, b)
		}
	}
}

// stale gives up what has waited for too long.
func (g *gate) stale(now time.Time) {
	if len(g.typed) > 0 && now.Sub(g.since) > echoWait {
		g.refuse()
	}
}

// refuse loses what was typed, and the line with it.
func (g *gate) refuse() {
	if n := len(g.typed); n > 0 {
		g.blind = g.typed[n-1] != '\r' && g.typed[n-1] != '\n'
	}
	g.lost += int64(len(g.typed) + len(g.shown))
	g.typed, g.shown = wiped(g.typed), wiped(g.shown)
}

// due gives what is to be written, and whether something waits.
func (g *gate) due(now time.Time) (p []byte, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stale(now)
	if len(g.typed) == 0 && len(g.shown) > 0 && now.Sub(g.seen) >= echoWait {
		g.kept = append(g.kept, g.shown...)
		g.shown = wiped(g.shown)
	}
	p, g.kept = g.kept, nil
	return p, len(g.typed)+len(g.shown) > 0
}

// spent is how many bytes were lost since it was asked last; at the end all
// that waits is.
func (g *gate) spent(end bool) (n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if end {
		g.refuse()
	}
	n, g.lost = g.lost, 0
	return n
}

// wiped is b emptied.
func wiped(b []byte) []byte {
	clear(b)
	return nil
}
