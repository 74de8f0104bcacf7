package witness

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// A Hook tells a web service of alarms: a POST of the Alarm as JSON, signed in
// the header Lockbox-Signature: "t=SECONDS,v1=HEX", which is HMAC-SHA256 over
// SECONDS, a dot and the body. A service refuses a t that is not about now, and
// the same Lockbox-Id twice.
type Hook struct {
	URL    string
	Secret []byte
	Report func(error)
	Now    func() time.Time
	Wait   time.Duration // before the second try, twice that before the third …; 0: 1 s
}

const (
	mostTries  = 6
	mostQueued = 16 // alarms
)

// Run delivers what comes from alarms until ctx ends. While one is being
// delivered so many may wait; the caller drops the rest.
func (k *Hook) Run(ctx context.Context, alarms <-chan Alarm) {
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-alarms:
			if err := k.Deliver(ctx, a); err != nil {
				k.Report(err)
			}
		}
	}
}

// NewAlarms is a queue for Run.
func NewAlarms() chan Alarm { return make(chan Alarm, mostQueued) }

// Deliver tries a few times, and gives up with ctx.
func (k *Hook) Deliver(ctx context.Context, a Alarm) (err error) {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	c := newClient()
	defer c.CloseIdleConnections()
	wait := k.Wait
	if wait == 0 {
		wait = time.Second
	}
	for try := range mostTries {
		if try > 0 {
			timer := time.NewTimer(wait << (try - 1))
			select {
			case <-ctx.Done():
				timer.Stop()
				return fmt.Errorf("tell %s of an alarm: %w; the last try: %w", k.URL, context.Cause(ctx), err)
			case <-timer.C:
			}
		}
		if err = k.post(ctx, c, hex.EncodeToString(sum[:16]), body); err == nil {
			return nil
		}
	}
	return fmt.Errorf("tell %s of an alarm: %w", k.URL, err)
}

func (k *Hook) post(ctx context.Context, c *http.Client, id string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, k.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "lockbox")
	r.Header.Set("Lockbox-Id", id)
	r.Header.Set("Lockbox-Signature", k.signature(body))
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // nothing of it is read
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}

func (k *Hook) signature(body []byte) string {
	t := k.Now().Unix()
	m := hmac.New(sha256.New, k.Secret)
	fmt.Fprintf(m, "%d.%s", t, body)
	return fmt.Sprintf("t=%d,v1=%s", t, hex.EncodeToString(m.Sum(nil)))
}
