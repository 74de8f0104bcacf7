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

// looks remembers which session of the portal said why it looks at which
// recording. It is lost when the program stops: then the purpose is asked again.
type looks struct {
	mu    sync.Mutex // guards until
	until map[string]time.Time
}

func (l *looks) open(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.until[key])
}

func (l *looks) add(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil {
		l.until = map[string]time.Time{}
	}
	if len(l.until) >= maxLooks {
		maps.DeleteFunc(l.until, func(_ string, t time.Time) bool { return !now.Before(t) })
	}
	for k := range l.until { // still full: somebody says their purpose again
		if len(l.until) < maxLooks {
			break
		}
		delete(l.until, k)
	}
	l.until[key] = now.Add(lookLife)
}

// lookKey binds a look to the portal session and the recording.
func (x *exchange) lookKey(id string) string {
	sum := sha256.Sum256([]byte(x.cookie() + " " + id))
	return hex.EncodeToString(sum[:])
}
