package archive

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// slow is a way to a server that lets so many bytes through in a second, and
// takes its time with each connection.
func slow(t *testing.T, to string, perSecond int, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { through(in, to, perSecond, delay) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

func through(in net.Conn, to string, perSecond int, delay time.Duration) {
	defer in.Close()
	<-time.After(delay)
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	var both sync.WaitGroup
	both.Go(func() {
		buf := make([]byte, perSecond/20)
		for {
			n, err := in.Read(buf)
			if _, e := out.Write(buf[:n]); e != nil || err != nil {
				_ = out.Close()
				return
			}
			<-time.After(time.Duration(n) * time.Second / time.Duration(perSecond))
		}
	})
	_, _ = io.Copy(in, out) // until either end closes
	_ = in.Close()
	both.Wait()
}

// between lets a test answer instead of the server, where answer is true.
func between(t *testing.T, to string, answer func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: to})
		r.Out.Host = r.In.Host // it is signed
	}, Transport: &http.Transport{DisableKeepAlives: true}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
