package recorder

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ptys "github.com/creack/pty"
)

// A turn is something that happens at a terminal: what is typed, what comes
// out, or ms that pass.
type turnOf struct {
	in, out string
	ms      int
}

func in(s string) turnOf  { return turnOf{in: s} }
func out(s string) turnOf { return turnOf{out: s} }
func ms(n int) turnOf     { return turnOf{ms: n} }

// keys types s slowly, and nothing comes back.
func keys(s string) (ts []turnOf) {
	for _, c := range []byte(s) {
		ts = append(ts, in(string(c)), ms(120))
	}
	return ts
}

// echoed types s slowly, and each key comes back.
func echoed(s string) (ts []turnOf) {
	for _, c := range []byte(s) {
		back := string(c)
		if c == '\r' {
			back = "\r\n"
		}
		ts = append(ts, in(string(c)), ms(5), out(back), ms(115))
	}
	return ts
}

func then(ts ...[]turnOf) (all []turnOf) {
	for _, t := range ts {
		all = append(all, t...)
	}
	return all
}

func one(ts ...turnOf) []turnOf { return ts }

func TestTypedIsKeptWhereItIsEchoed(t *testing.T) {
	ask := one(out("Password: "))
	for _, row := range []struct {
		name  string
		turns []turnOf
		want  string
		total string // of what is not kept
	}{
		{"a line", then(one(out("$ ")), echoed("ls -l\r")), "ls -l\r", ""},
		{"lines", then(echoed("a\r"), one(out("x\r\n$ ")), echoed("b\r")), "a\rb\r", ""},
		{"half a line", then(one(out("$ ")), echoed("ls"), one(ms(900))), "ls", ""},
		{"half a line just before the end", then(one(out("$ ")), echoed("ls")), "", `{"bytes":2}`},
		{"LF comes back as CR LF", one(in("a\n"), out("a\r\n"), ms(500)), "a\n", ""},
		{"a paste", one(in("echo one two\r"), ms(5), out("echo one"), ms(5), out(" two\r"), out("\none two\r\n")), "echo one two\r", ""},
		{"a cut character", one(in("\xc3"), in("\xa6"), ms(9), out("\xc3"), out("\xa6"), ms(700)), "æ", ""},
		{"a cut character, typed in two", one(in("\xc3"), out("\xc3"), ms(9), in("\xa6"), out("\xa6"), ms(700)), "æ", ""},
		{"in colours", one(in("l"), out("\x1b[1ml\x1b[0m"), in("s"), out("\x1b[1ms\x1b[0m"), ms(700)), "ls", ""},
		{"no echo", then(keys("secret\r")), "", `{"bytes":7}`},
		{"no echo, and fast", then(one(in("secret\r"), ms(40), out("\r\n")), echoed("ls\r")), "ls\r", `{"bytes":7}`},
		{"echo is late", one(in("a"), ms(301), out("a"), ms(700)), "", `{"bytes":1}`},
		{"echo is just in time", one(in("a"), ms(299), out("a"), ms(700)), "a", ""},
		{"no echo, then an echo", then(keys("secret\r"), one(out("\r\n$ ")), echoed("ls\r")), "ls\r", `{"bytes":7}`},
		{"a prompt", then(ask, echoed("secret\r"), echoed("ls\r")), "ls\r", `{"bytes":7}`},
		{"a prompt, and lines between", then(ask, one(out("\r\njob done\r\n")), echoed("secret\r"), one(out("$ ")), echoed("ls\r")), "ls\r", `{"bytes":7}`},
		{"a prompt in two", then(one(out("[sudo] pass"), out("word for ane: ")), echoed("secret\r")), "", `{"bytes":7}`},
		{"a prompt in colours", then(one(out("\x1b[1mAdgangs\x1b[0mkode:\x1b[0m ")), echoed("secret\r")), "", `{"bytes":7}`},
		{"a pin", then(one(out("Enter PIN for 'key': ")), echoed("1234\r")), "", `{"bytes":5}`},
		{"a code", then(one(out("Verification code: ")), echoed("123456\r")), "", `{"bytes":7}`},
		{"a passphrase", then(one(out("Enter passphrase for key '/home/ane/.ssh/id_ed25519': ")), echoed("s\r")), "", `{"bytes":2}`},
		{"once more", then(ask, keys("bad\r"), one(out("\r\nSorry, try again.\r\nPassword: ")), echoed("bad\r")), "", `{"bytes":8}`},
		{"a prompt that is typed", then(one(out("$ ")), echoed("grep password: x\r")), "grep password: x\r", ""},
		{"a prompt that is left", then(ask, keys("ba\x03"), one(out("\r\n$ ")), echoed("ls\r")), "ls\r", `{"bytes":3}`},
		{"two lines at a prompt", then(ask, one(in("pw\rmore\r"), ms(20), out("\r\n$ more\r\n"))), "", `{"bytes":8}`},
		{"a command before the prompt", then(echoed("sudo ls\r"), ask, keys("pw\r")), "sudo ls\r", `{"bytes":3}`},
		{"output is the password's first character", then(one(in("s"), out("s"), ms(120)), keys("ecret\r")), "", `{"bytes":7}`},
		{"output begins with it", then(one(in("s"), out("starting job\r\n"), ms(900)), keys("ecret\r")), "", `{"bytes":7}`},
		{"output begins with it, and a line ends", then(one(in("s"), out("s\r\n"), ms(120)), keys("ecret\r")), "", `{"bytes":7}`},
		{"output is one in the middle", then(keys("se"), one(in("c"), out("c"), ms(900)), keys("ret\r")), "", `{"bytes":7}`},
		{"output between", one(in("a"), out("job done\r\n"), out("a"), ms(900)), "", `{"bytes":1}`},
		{"stars", then(one(in("s"), out("*"), ms(120), in("e"), out("*"), ms(120), in("\r"), out("\r\n"))), "", `{"bytes":3}`},
		{"rubbed out", then(echoed("lx"), one(in("\x7f"), ms(5), out("\b \b"), ms(100)), echoed("s\r")), "lxs\r", `{"bytes":1}`},
		{"keys with names", then(echoed("ls"), one(in("\x1b[A"), out("\x1b[A"), in("\x1bOB"), in("\x1bf"), in("\t"), ms(100)), echoed("\r")), "ls\r", `{"bytes":9}`},
		{"interrupted", then(echoed("ls"), one(in("\x03"), out("^C\r\n$ "), ms(400)), echoed("a\r")), "lsa\r", `{"bytes":1}`},
		{"too much at once", one(in(strings.Repeat("x", 5000)), out(strings.Repeat("x", 5000)), ms(900)), "", `{"bytes":5000}`},
	} {
		t.Run(row.name, func(t *testing.T) { typeAt(t, row.turns, row.want, row.total) })
	}
}

func typeAt(t *testing.T, turns []turnOf, want, total string) {
	r := newRig(t)
	h := Header{Kind: "pty", Input: true}
	synctest.Test(t, func(t *testing.T) {
		w, _ := r.record(t, h, func(tr *Track) {
			for _, n := range turns {
				time.Sleep(time.Duration(n.ms) * time.Millisecond)
				if n.in != "" {
					must(t, tr.Input([]byte(n.in)))
				}
				if n.out != "" {
					must(t, tr.Output([]byte(n.out)))
				}
			}
		})
		evs := r.played(t, w.ID)
		if got, told := string(stream(evs, CodeInput)), string(stream(evs, CodeStdin)); got != want || told != total {
			t.Errorf("got %q and %q, want %q and %q", got, told, want, total)
		}
		for _, ev := range evs {
			if strings.Contains(string(ev.Data), "sha256") {
				t.Errorf("a hash of what was typed: %s", ev.Data)
			}
		}
	})
}

func TestWhatIsTypedIsKeptOnlyByRule(t *testing.T) {
	r := newRig(t)
	w, _ := r.record(t, Header{Kind: "pty"}, func(tr *Track) {
		must(t, tr.Input([]byte("ls\r")))
		must(t, tr.Output([]byte("ls\r\n")))
	})
	evs := r.played(t, w.ID)
	if got := string(stream(evs, CodeInput)) + string(stream(evs, CodeStdin)); got != `{"bytes":3}` {
		t.Errorf("got %s", got)
	}
}

// FuzzGate: whatever comes out, what is let through was typed, in its order,
// and what was typed and not let through is counted.
func FuzzGate(f *testing.F) {
	f.Add([]byte("l\x80l\x00s\x80s\r\x80\r\n"))
	f.Add([]byte("\x80Password: \x00secret\r"))
	f.Fuzz(func(t *testing.T, script []byte) {
		g := &gate{}
		now := time.Unix(0, 0)
		var typed, kept []byte
		for i, p := range bytes.Split(script, []byte{0}) {
			now = now.Add(time.Duration(i%7) * 70 * time.Millisecond)
			q, o, _ := bytes.Cut(p, []byte{0x80})
			g.input(q, now)
			typed = append(typed, q...)
			g.output(o, now)
			k, _ := g.due(now)
			kept = append(kept, k...)
		}
		if n := g.spent(true); n+int64(len(kept)+len(g.kept)) != int64(len(typed)) {
			t.Errorf("%d typed, %d kept, %d lost", len(typed), len(kept), n)
		}
		for _, b := range kept {
			i := bytes.IndexByte(typed, b)
			if i < 0 {
				t.Fatalf("%q was not typed", kept)
			}
			typed = typed[i+1:]
		}
	})
}

// A atKeys is a shell on a real terminal, recorded as the relay does it.
type atKeys struct {
	t    *testing.T
	tty  *os.File
	tr   *Track
	mu   sync.Mutex
	told bytes.Buffer
	more chan struct{}
}

func (y *atKeys) read() {
	r := bufio.NewReader(y.tty)
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := y.tr.Output(buf[:n]); err != nil {
				y.t.Error(err)
			}
			y.mu.Lock()
			y.told.Write(buf[:n])
			y.mu.Unlock()
			select {
			case y.more <- struct{}{}:
			default:
			}
		}
		if err != nil {
			close(y.more)
			return
		}
	}
}

// until waits for output.
func (y *atKeys) until(s string) {
	y.t.Helper()
	end := time.After(20 * time.Second)
	for {
		y.mu.Lock()
		i := strings.Index(y.told.String(), s)
		if i >= 0 {
			y.told.Next(i + len(s))
		}
		y.mu.Unlock()
		if i >= 0 {
			return
		}
		select {
		case _, ok := <-y.more:
			if !ok && !strings.Contains(y.told.String(), s) {
				y.t.Fatalf("%q did not come", s)
			}
		case <-end:
			y.t.Fatalf("%q did not come, but %q", s, y.told.String())
		}
	}
}

// types waits for the echo of each key, as fast as the machine is.
func (y *atKeys) types(s string) {
	y.t.Helper()
	for _, c := range []byte(s) {
		y.mu.Lock()
		before := y.told.Len()
		y.mu.Unlock()
		y.key(c)
		for end := time.After(20 * time.Second); ; {
			y.mu.Lock()
			n := y.told.Len()
			y.mu.Unlock()
			if n > before {
				break
			}
			select {
			case <-y.more:
			case <-end:
				y.t.Fatalf("no echo of %q in %q", c, s)
			}
		}
	}
}

// hides types what is not echoed.
func (y *atKeys) hides(s string) {
	for _, c := range []byte(s) {
		y.key(c)
	}
}

func (y *atKeys) key(c byte) {
	<-time.After(5 * time.Millisecond)
	must(y.t, y.tr.Input([]byte{c}))
	_, err := y.tty.Write([]byte{c})
	must(y.t, err)
}

// slowed has a shelf's time pass so slowly that no echo is late on a busy machine.
func (r rig) slowed() rig {
	began := time.Now()
	r.Now = func() time.Time { return began.Add(time.Since(began) / 20) }
	return r
}

func TestOnARealTerminalNoPasswordIsKept(t *testing.T) {
	r := newRig(t).slowed()
	w, rec, tr := r.begin(t, Header{Kind: "pty", Input: true, Cols: 80, Rows: 24})
	cmd := exec.Command("sh", "-c", `
echo ready; read a; echo "got $a"
stty -echo; echo quiet; read b; stty echo; echo; echo "now ${#b}"
printf 'Password: '; stty -echo; read c; stty echo; echo; echo "in ${#c}"
stty -echo; echo noise; (for n in h u n t e r; do printf $n; done) ; read d; stty echo; echo "len ${#d}"
read e; echo "bye $e"`)
	tty, err := ptys.Start(cmd)
	must(t, err)
	y := &atKeys{t: t, tty: tty, tr: tr, more: make(chan struct{}, 1)}
	var wg sync.WaitGroup
	wg.Go(y.read)
	y.until("ready\r\n")
	y.types("first æ line\r")
	y.until("got first æ line\r\n")
	y.until("quiet\r\n")
	y.hides("hunter2\r")
	y.until("now 7\r\n")
	y.until("Password: ")
	y.hides("correct horse\r")
	y.until("in 13\r\n")
	y.until("noise\r\nhunter")
	y.hides("hunter2\r")
	y.until("len 7\r\n")
	y.types("last\r")
	y.until("bye last\r\n")
	must(t, cmd.Wait())
	_ = tty.Close() // it has ended
	wg.Wait()
	closed(t, rec)
	if got := string(stream(r.played(t, w.ID), CodeInput)); got != "first æ line\rlast\r" {
		t.Errorf("got %q", got)
	}
}

// A shell that edits its lines itself, as most people use.
func TestInAShellLinesAreKeptAndPasswordsAreNot(t *testing.T) {
	r := newRig(t).slowed()
	w, rec, tr := r.begin(t, Header{Kind: "pty", Input: true, Cols: 80, Rows: 24})
	cmd := exec.Command("bash", "--norc", "--noprofile", "-i")
	cmd.Env = append(os.Environ(), "PS1=ready> ", "TERM=xterm", "HISTFILE=", "LC_ALL=C.UTF-8", "INPUTRC=/dev/null")
	tty, err := ptys.Start(cmd)
	must(t, err)
	y := &atKeys{t: t, tty: tty, tr: tr, more: make(chan struct{}, 1)}
	var wg sync.WaitGroup
	wg.Go(y.read)
	y.until("ready> ")
	y.types("echo one\r")
	y.until("\rone\r\n")
	y.until("ready> ")
	y.types("read -s x; echo; echo len ${#x}\r")
	y.until("${#x}\r\n")
	y.hides("hunter2\r")
	y.until("len 7")
	y.until("ready> ")
	y.types("read -s -p 'Adgangskode: ' x; echo; echo len ${#x}\r")
	y.until("\rAdgangskode: ")
	y.hides("hemmeligt\r")
	y.until("len 9")
	y.until("ready> ")
	y.types("ex\x7fxit\r")
	must(t, cmd.Wait())
	_ = tty.Close() // it has ended
	wg.Wait()
	closed(t, rec)
	got := string(stream(r.played(t, w.ID), CodeInput))
	for _, bad := range []string{"hunt", "unte", "nter", "ter2", "hemm", "ligt"} {
		if strings.Contains(got, bad) {
			t.Errorf("a part of a password is kept: %q", got)
		}
	}
	if want := "echo one\rread -s x; echo; echo len ${#x}\rread -s -p 'Adgangskode: ' x; echo; echo len ${#x}\rexxit\r"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzWhatDoesNotEndAsAPromptIsNone(f *testing.F) {
	for _, line := range []string{"", "Password: ", "password:\t", "$ ", "pin>  ", "[sudo] adgangskode for eng: ", "secret ]", ": ", "kode?x", "token: \n"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if got, want := asking(line), asks.Match(line); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	})
}
