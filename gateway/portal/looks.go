package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"sync"
	"time"
)

const (
	lookLife = 15 * time.Minute
	maxLooks = 4096
)

// looks remembers why which session of the portal looks at which recording. It
// is lost when the program stops: then the purpose is asked again.
type looks struct {
	mu sync.Mutex // guards at
	at map[string]look
}

type look struct {
	purpose string
	until   time.Time
}

// purpose is what was said, while that counts; else "".
func (l *looks) purpose(key string, now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.at[key]; now.Before(at.until) {
		return at.purpose
	}
	return ""
}

func (l *looks) add(key, purpose string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = map[string]look{}
	}
	if len(l.at) >= maxLooks {
		maps.DeleteFunc(l.at, func(_ string, at look) bool { return !now.Before(at.until) })
	}
	for k := range l.at { // still full: somebody says their purpose again
		if len(l.at) < maxLooks {
			break
		}
		delete(l.at, k)
	}
	l.at[key] = look{purpose, now.Add(lookLife)}
}

// lookKey binds a look to the portal session and the recording.
func (x *exchange) lookKey(id string) string {
	sum := sha256.Sum256([]byte(x.cookie() + " " + id))
	return hex.EncodeToString(sum[:])
}

// purpose is why the reader looks at a recording; "" while they have not said.
func (x *exchange) purpose(id string) string { return x.p.looks.purpose(x.lookKey(id), x.p.now()) }
