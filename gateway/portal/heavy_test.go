package portal

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestNobodyReadsALogThatIsNone: the name of a customer in the address is anybody's text.
func TestNobodyReadsALogThatIsNone(t *testing.T) {
	s := newStage(t)
	aud := s.visitor(s.Aud)
	for _, id := range []string{"../nord", "Nord", "nord\n5\nAAAA", "nörd", strings.Repeat("n", 65), "nord/c/syd", "\x00"} {
		for _, page := range []string{"/c/log", "/c/log/checkpoint", "/c/log/log.tar", "/c/months/2000-01"} {
			if got := aud.get(page + "?customer=" + url.QueryEscape(id)); got.status != http.StatusNotFound {
				t.Errorf("%s of %q: %d, want 404", page, id, got.status)
			}
		}
	}
}

// A stuck reader takes the beginning of an answer, and then nothing until free.
type stuck struct {
	*httptest.ResponseRecorder
	begun chan<- struct{}
	free  <-chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	select {
	case s.begun <- struct{}{}:
	default:
	}
	<-s.free
	return s.ResponseRecorder.Write(b)
}

// TestOnePersonTakesOneWholeLogAtATime: they cost the gateway much and the browser nothing.
func TestOnePersonTakesOneWholeLogAtATime(t *testing.T) {
	s := newStage(t)
	aud, ceo := s.visitor(s.Aud), s.visitor(s.Ceo)
	begun, free, done := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.pages.ServeHTTP(&stuck{httptest.NewRecorder(), begun, free}, aud.request(http.MethodGet, "/log/log.tar", "", ""))
	}()
	<-begun
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if got := aud.do(aud.request(method, "/log/log.tar", "", "")); got.status != http.StatusTooManyRequests {
			t.Errorf("the second of the same person: %d, want 429", got.status)
		}
	}
	if got := ceo.get("/log/log.tar"); got.status != http.StatusOK {
		t.Errorf("of somebody else meanwhile: %d", got.status)
	}
	if got := aud.get("/log"); got.status != http.StatusOK {
		t.Errorf("another page meanwhile: %d", got.status)
	}
	close(free)
	<-done
	if got := aud.get("/log/log.tar"); got.status != http.StatusOK {
		t.Errorf("after it: %d", got.status)
	}
}
