package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
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
	Long   int64  // says that its body has so many bytes, and sends as many as are taken
	Raw    string // writes this instead of an answer, and closes
	Slow   bool   // writes its headers byte by byte
	Retry  string // Retry-After
	Forget bool   // takes it, and answers 500
}

// A Post is what came.
type Post struct {
	ID   string
	Body []byte
	Head http.Header
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
	sent  int64
	free  chan struct{}
	srv   *httptest.Server
	cert  *tls.Certificate // nil: the first
}

// Late is how old a message may be.
const Late = 5 * time.Minute

// Start serves until the test ends.
func Start(t testing.TB, secret string) *Server {
	t.Helper()
	s := &Server{Secret: secret, free: make(chan struct{})}
	srv := httptest.NewUnstartedServer(s)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	srv.TLS = &tls.Config{GetConfigForClient: s.presents}
	srv.StartTLS()
	s.srv = srv
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

func (s *Server) presents(*tls.ClientHelloInfo) (*tls.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cert == nil {
		return nil, nil // as it is
	}
	return &tls.Config{Certificates: []tls.Certificate{*s.cert}}, nil
}

// Do has the receiver behave so from now on.
func (s *Server) Do(w Way) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.way = w
}

// Present has the receiver prove itself with another certificate from now on, on new connections; it ends the old ones.
func (s *Server) Present(c tls.Certificate) {
	s.mu.Lock()
	s.cert = &c
	s.mu.Unlock()
	s.srv.CloseClientConnections()
}

// Sent is how many bytes of long answers were taken.
func (s *Server) Sent() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
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
	if (way.Code == 0 || way.Forget) && !way.Hang && way.To == "" && way.Raw == "" && !way.Slow {
		s.posts = append(s.posts, Post{r.Header.Get("Webhook-Id"), body, r.Header.Clone()})
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
	case way.Raw != "" || way.Slow:
		s.raw(w, way)
	case way.Long > 0:
		w.Header().Set("Content-Length", strconv.FormatInt(way.Long, 10))
		s.flood(w)
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

// raw takes the connection over.
func (s *Server) raw(w http.ResponseWriter, way Way) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	if !way.Slow {
		_, _ = io.WriteString(c, way.Raw)
		return
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "); err == nil; _, err = io.WriteString(c, "x") {
		select {
		case <-s.free:
			return
		case <-tick.C:
		}
	}
}

// flood sends for as long as somebody reads.
func (s *Server) flood(w io.Writer) {
	b := make([]byte, 64<<10)
	for {
		n, err := w.Write(b)
		s.mu.Lock()
		s.sent += int64(n)
		s.mu.Unlock()
		if err != nil {
			return
		}
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
	at, err := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > Late {
		return false
	}
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
