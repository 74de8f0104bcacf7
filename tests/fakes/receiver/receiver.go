package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Way is how the receiver behaves. The zero Way takes what comes.
type Way struct {
	Code   int    // answers so
	To     string // redirects there
	Hang   bool   // never answers
	Drip   bool   // answers 200, and its body never ends
	Retry  string // Retry-After
	Forget bool   // takes it, and answers 500
}

// A Post is what came.
type Post struct {
	ID   string
	Body []byte
}

// A Server is the receiver, over TLS on loopback.
type Server struct {
	URL    string
	Roots  *x509.CertPool
	CA     []byte // of Roots, in PEM
	Secret string

	mu    sync.Mutex
	way   Way
	posts []Post
	bad   []string
	tries int
	free  chan struct{}
}

// Start serves until the test ends.
func Start(t testing.TB, secret string) *Server {
	t.Helper()
	s := &Server{Secret: secret, free: make(chan struct{})}
	srv := httptest.NewTLSServer(s)
	s.URL, s.Roots = srv.URL+"/hook", x509.NewCertPool()
	s.Roots.AddCert(srv.Certificate())
	s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	t.Cleanup(func() {
		close(s.free)
		srv.CloseClientConnections()
		srv.Close()
	})
	return s
}

// Do has the receiver behave so from now on.
func (s *Server) Do(w Way) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.way = w
}

// Posts are those that it took, and Bad what was wrong with any.
func (s *Server) Posts() (posts []Post, bad []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Post(nil), s.posts...), append([]string(nil), s.bad...)
}

// Tries is how many requests came.
func (s *Server) Tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

// ServeHTTP is the receiver.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20)) // what is missing has no signature
	s.mu.Lock()
	s.tries++
	way := s.way
	if !s.signed(r, body) {
		s.bad = append(s.bad, "a signature is wrong")
	}
	if (way.Code == 0 || way.Forget) && !way.Hang && way.To == "" {
		s.posts = append(s.posts, Post{r.Header.Get("Webhook-Id"), body})
	}
	s.mu.Unlock()
	switch {
	case way.Hang:
		select {
		case <-s.free:
		case <-r.Context().Done():
		}
	case way.To != "":
		http.Redirect(w, r, way.To, http.StatusTemporaryRedirect)
	case way.Drip:
		w.WriteHeader(http.StatusOK)
		s.drip(w, r)
	case way.Code != 0:
		if way.Retry != "" {
			w.Header().Set("Retry-After", way.Retry)
		}
		w.WriteHeader(way.Code)
	}
}

func (s *Server) drip(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := w.Write([]byte(".")); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-s.free:
			return
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// signed is how the documentation tells receivers to check.
func (s *Server) signed(r *http.Request, body []byte) bool {
	mac := hmac.New(sha256.New, []byte(s.Secret))
	_, _ = io.WriteString(mac, r.Header.Get("Webhook-Id")+"."+r.Header.Get("Webhook-Timestamp")+".")
	mac.Write(body)
	for one := range strings.FieldsSeq(r.Header.Get("Webhook-Signature")) {
		if got, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(one, "v1,")); err == nil && hmac.Equal(got, mac.Sum(nil)) {
			return true
		}
	}
	return false
}
