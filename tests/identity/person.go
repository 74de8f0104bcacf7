package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// A Person is who Lockbox says sent a request, and why they may.
type Person struct {
	ID        string   `json:"sub"`
	Name      string   `json:"name"`
	Grant     string   `json:"grant"`
	Session   string   `json:"session"`
	Customers []string `json:"customers"`
	Actions   []string `json:"actions"` // "http-read", "http-write"
}

// Lockbox verifies its word. The fields are set before the first use.
type Lockbox struct {
	Keys   string // "https://wiki.gw.example.eu/.lockbox/jwks.json"
	Issuer string // "https://lock.example.eu", the portal
	Name   string // "wiki", our name as a target

	mu      sync.Mutex
	set     jose.JSONWebKeySet
	fetched time.Time
}

// Person is who sent the request. Any error means: nobody.
func (l *Lockbox) Person(r *http.Request) (p Person, err error) {
	said := r.Header.Values("X-Lockbox-Identity")
	if len(said) != 1 {
		return p, errors.New("not one X-Lockbox-Identity")
	}
	token, err := jwt.ParseSigned(said[0], []jose.SignatureAlgorithm{jose.EdDSA}) // no other algorithm
	if err != nil {
		return p, err
	}
	key, err := l.key(token.Headers[0].KeyID)
	if err != nil {
		return p, err
	}
	var c jwt.Claims
	if err := token.Claims(key, &c, &p); err != nil {
		return p, err
	}
	if c.Expiry == nil || c.NotBefore == nil || p.ID == "" {
		return p, errors.New("a claim is missing")
	}
	return p, c.ValidateWithLeeway(jwt.Expected{Issuer: l.Issuer, AnyAudience: jwt.Audience{l.Name}}, 5*time.Second)
}

// key fetches the keys when they are an hour old, or a minute and one is unknown.
func (l *Lockbox) key(id string) (*jose.JSONWebKey, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.set.Key(id)
	if age := time.Since(l.fetched); age > time.Hour || len(found) == 0 && age > time.Minute {
		resp, err := http.Get(l.Keys)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		var set jose.JSONWebKeySet
		if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<16)).Decode(&set); err != nil {
			return nil, err
		}
		l.set, l.fetched = set, time.Now()
		found = set.Key(id)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("no key %q", id)
	}
	return &found[0], nil
}
