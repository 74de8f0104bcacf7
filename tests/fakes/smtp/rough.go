package smtp

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Steps are those of a conversation, in order; "starttls" and "tls" come first with implicit TLS as "tls" alone.
func Steps(implicit bool) []string {
	if implicit {
		return []string{"tls", "greet", "hello", "auth", "mail", "rcpt", "data", "end", "quit"}
	}
	return []string{"greet", "hello", "starttls", "tls", "hello again", "auth", "mail", "rcpt", "data", "end", "quit"}
}

// A Rough server speaks by hand what no server should say.
type Rough struct {
	Addr  string
	Roots *x509.CertPool // that its certificate leads to
	Conf  func(*tls.Config)

	// Instead is asked before each answer: true says that it did what it wanted instead.
	Instead func(step string, c net.Conn) bool

	mu     sync.Mutex
	bodies []string
	heard  []string
}

// StartRough serves until the test ends. Its fields are set by set, before anybody connects.
func StartRough(t testing.TB, implicit bool, set func(*Rough)) *Rough {
	t.Helper()
	cert, roots := certificate(t, []string{"localhost"})
	s := &Rough{Roots: roots, Instead: func(string, net.Conn) bool { return false }, Conf: func(*tls.Config) {}}
	set(s)
	conf := &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Conf(conf)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s.Addr = net.JoinHostPort("localhost", port)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				s.talk(c, conf, implicit)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait() // clients close what they opened
	})
	return s
}

// Bodies are the mails that it said it took.
func (s *Rough) Bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// Heard are the commands that came, in the clear or not.
func (s *Rough) Heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.heard...)
}

// talk holds one conversation, as dull as it can be.
func (s *Rough) talk(c net.Conn, conf *tls.Config, implicit bool) {
	if implicit {
		if s.Instead("tls", c) {
			return
		}
		c = tls.Server(c, conf)
	}
	say := func(step, text string) bool {
		if s.Instead(step, c) {
			return false
		}
		_, err := io.WriteString(c, text)
		return err == nil
	}
	if !say("greet", "220 localhost ESMTP\r\n") {
		return
	}
	r, secured, hello := bufio.NewReader(c), implicit, "hello"
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		s.hear(line)
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		on := true
		switch verb {
		case "EHLO":
			offers := "250-AUTH PLAIN\r\n"
			if !secured {
				offers = "250-STARTTLS\r\n"
			}
			on = say(hello, "250-localhost\r\n"+offers+"250 8BITMIME\r\n")
		case "STARTTLS":
			if !say("starttls", "220 ready\r\n") || s.Instead("tls", c) {
				return
			}
			c = tls.Server(c, conf)
			r, secured, hello = bufio.NewReader(c), true, "hello again"
		case "AUTH":
			on = say("auth", "235 welcome\r\n")
		case "MAIL":
			on = say("mail", "250 ok\r\n")
		case "RCPT":
			on = say("rcpt", "250 ok\r\n")
		case "DATA":
			on = say("data", "354 go on\r\n") && s.body(r) && say("end", "250 taken\r\n")
		case "QUIT":
			say("quit", "221 bye\r\n")
			return
		default:
			on = say("other", "250 ok\r\n")
		}
		if !on {
			return
		}
	}
}

func (s *Rough) hear(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, strings.TrimSpace(line))
}

func (s *Rough) body(r *bufio.Reader) bool {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, b.String())
	return true
}
