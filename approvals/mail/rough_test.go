package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lockbox/approvals/mail"
	"lockbox/approvals/notify"
	"lockbox/tests/fakes/smtp"
	"lockbox/tests/world"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct-horse-battery"

// sender is a channel to a rough server.
func sender(t *testing.T, w *world.World, s *smtp.Rough, implicit bool) *mail.Mail {
	t.Helper()
	return channel(t, &smtp.Server{Addr: s.Addr, Roots: s.Roots}, implicit, story(), func(o *mail.Options) { o.User, o.Password, o.Ledger = "lockbox", password, w.Ledger })
}

// until says something until the other side has enough.
func until(c net.Conn, text string) {
	for {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

// TestAServerThatMisbehavesAtAnyStepIsOneThatFailed, for now, and holds nobody up:
// it hangs, closes, answers garbage, refuses, talks without end, or repeats the password.
func TestAServerThatMisbehavesAtAnyStepIsOneThatFailed(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	ways := map[string]func(net.Conn){
		"hangs":     nil, // and we have waited long enough
		"closes":    func(net.Conn) {},
		"garbage":   func(c net.Conn) { _, _ = io.WriteString(c, "\x00\xff\x1b[2J HTTP/1.1 200 OK "+password+"\r\n\r\n") },
		"refuses":   func(c net.Conn) { _, _ = io.WriteString(c, "421 4.3.2 not now, "+password+"\r\n") },
		"talks":     func(c net.Conn) { until(c, "250-and "+strings.Repeat("so on ", 100)+"\r\n") },
		"one line":  func(c net.Conn) { until(c, "250 "+strings.Repeat("x", 4000)) },
		"says EHLO": func(c net.Conn) { _, _ = io.WriteString(c, "EHLO localhost\r\n") },
	}
	for _, implicit := range []bool{true, false} {
		for _, step := range smtp.Steps(implicit) {
			for name, way := range ways {
				ctx, stop := context.WithCancel(t.Context())
				s := smtp.StartRough(t, implicit, func(s *smtp.Rough) {
					s.Instead = func(at string, c net.Conn) bool {
						switch {
						case at != step:
							return false
						case way == nil:
							stop()
							_, _ = io.Copy(io.Discard, c)
						default:
							way(c)
						}
						return true
					}
				})
				err := sender(t, w, s, implicit).Send(ctx, notice("ceo@x.eu"))
				stop()
				switch {
				case step == "quit": // it was taken by then
					if err != nil || len(s.Bodies()) != 1 {
						t.Errorf("%s at %s: %v, %d mails", name, step, err, len(s.Bodies()))
					}
				case err == nil || errors.Is(err, notify.ErrNever):
					t.Errorf("%s at %s (implicit %v): %v", name, step, implicit, err)
				case strings.Contains(err.Error(), password) || strings.ContainsAny(err.Error(), "\x00\x1b\r\n"):
					t.Errorf("%s at %s: it tells what the server said: %q", name, step, err)
				}
			}
		}
	}
}

// TestAMailThatMayHaveComeIsSentAgainAsTheSame: the server took it, and said nothing any more.
func TestAMailThatMayHaveComeIsSentAgainAsTheSame(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	var asked atomic.Int64
	s := smtp.StartRough(t, true, func(s *smtp.Rough) {
		s.Instead = func(at string, _ net.Conn) bool {
			return at == "end" && asked.Add(1) == 1
		}
	})
	m := sender(t, w, s, true)
	if err := m.Send(t.Context(), notice("ceo@x.eu")); err == nil {
		t.Error("nobody said that it was taken")
	}
	must(t, m.Send(t.Context(), notice("ceo@x.eu")))
	all := s.Bodies()
	if len(all) != 2 {
		t.Fatalf("%d mails", len(all))
	}
	one, _, _ := read(t, []byte(all[0]))
	two, _, _ := read(t, []byte(all[1]))
	if id := one.Header.Get("Message-Id"); id == "" || id != two.Header.Get("Message-Id") {
		t.Errorf("%q and %q", id, two.Header.Get("Message-Id"))
	}
}

// TestASecondYesIsNoAnswerToTheNextQuestion: after each doubled answer the mail either came once, or is tried again.
func TestASecondYesIsNoAnswerToTheNextQuestion(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	for _, step := range []string{"hello", "auth", "mail", "rcpt", "end"} {
		s := smtp.StartRough(t, true, func(s *smtp.Rough) {
			s.Instead = func(at string, c net.Conn) bool {
				if at == step {
					_, _ = io.WriteString(c, "250 ok\r\n")
				}
				return false
			}
		})
		err := sender(t, w, s, true).Send(t.Context(), notice("ceo@x.eu"))
		if err == nil && len(s.Bodies()) != 1 || err != nil && (len(s.Bodies()) != 0 || errors.Is(err, notify.ErrNever)) || step == "end" && err != nil {
			t.Errorf("%s: %v, and %d mails", step, err, len(s.Bodies()))
		}
	}
}

// TestOldTLSAndWhatStandsBetweenAreRefused: before TLS 1.2 nothing is said; what
// was put before the first byte of TLS is not taken for the server's.
func TestOldTLSAndWhatStandsBetweenAreRefused(t *testing.T) {
	w := world.New(t, "127.0.0.1:1", "")
	for _, implicit := range []bool{true, false} {
		s := smtp.StartRough(t, implicit, func(s *smtp.Rough) {
			s.Conf = func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }
		})
		if err := sender(t, w, s, implicit).Send(t.Context(), notice("ceo@x.eu")); err == nil || told(s.Heard(), "AUTH", "MAIL") {
			t.Errorf("TLS 1.1: %v, %q", err, s.Heard())
		}
	}
	for name, answer := range map[string]string{
		"refused": "454 4.7.0 TLS not available\r\n", "refused for ever": "502 5.5.1 what is that\r\n", "a yes of another kind": "250 ok\r\n",
		"injected": "220 ready\r\n250-localhost\r\n250 AUTH PLAIN\r\n",
	} {
		s := smtp.StartRough(t, false, func(s *smtp.Rough) {
			s.Instead = func(at string, c net.Conn) bool {
				if at != "starttls" {
					return false
				}
				_, _ = io.WriteString(c, answer)
				_, _ = io.Copy(io.Discard, c)
				return true
			}
		})
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		err := sender(t, w, s, false).Send(ctx, notice("ceo@x.eu"))
		stop()
		if err == nil || errors.Is(err, notify.ErrNever) || told(s.Heard(), "AUTH", "MAIL") {
			t.Errorf("%s: %v, %q", name, err, s.Heard())
		}
	}
}

func told(heard []string, verbs ...string) bool {
	return slices.ContainsFunc(heard, func(line string) bool {
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		return slices.Contains(verbs, verb)
	})
}
