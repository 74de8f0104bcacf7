package door

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"lockbox/gateway/heap"
	"lockbox/gateway/httpproxy"
	"lockbox/policy"
	"lockbox/recorder/requests"
)

// WebEnv of a process that is a gateway with an HTTP door: a WebConfig as JSON.
// Who may become one calls ServeWeb first thing.
const WebEnv = "LOCKBOX_TEST_WEB"

// A WebConfig says what is special about it.
type WebConfig struct {
	Dir      string // for all it keeps; it is the caller's to remove
	Target   string // address of the application
	Sessions int    // browsers inside
}

// A WebHello is what it says first.
type WebHello struct {
	Addr, Host string
	Cookies    []string // of the browsers inside
}

// ServeWeb makes this process the gateway if its environment says so; then it
// does not return. It ends when standard input does.
func ServeWeb() {
	text := os.Getenv(WebEnv)
	if text == "" {
		return
	}
	var c WebConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fail(err)
	}
	if err := os.Setenv("TMPDIR", c.Dir); err != nil {
		fail(err)
	}
	testing.Benchmark(func(b *testing.B) { // the world's parts take a testing.TB
		if err := serveWeb(loud{b}, c); err != nil {
			fail(err)
		}
		os.Exit(0)
	})
}

func serveWeb(t testing.TB, c WebConfig) error {
	log, err := requests.Open(filepath.Join(c.Dir, "requests"), [32]byte{1}, requests.Bounds{}, func(err error) { fmt.Fprintln(os.Stderr, "reported:", err) })
	if err != nil {
		return err
	}
	w := NewWeb(t, c.Target, func(p *policy.Policy, d *httpproxy.Door) {
		p.Targets[Wiki].Web.Streams = 9999
		p.Rules[1].Fresh = 4 * time.Hour
		d.Requests = log
		p.Ready() // as in production
	})
	w.Shelf.Patience, w.Shelf.Reserve = 0, 0 // as in production
	go heap.Keep(t.Context())                // as in production; it ends with the process
	w.Grant(t, w.Eng, policy.HTTPPut)
	_, portal := w.SignIn(t, w.Eng)
	h := WebHello{Addr: w.Addr, Host: w.Host}
	for range c.Sessions {
		b := w.Browser(t, false)
		if res := b.Navigate(t, w.Admit(t, w.Eng, b.Arrive(t, "/"), portal)); res.StatusCode != http.StatusSeeOther {
			return fmt.Errorf("enter: %s", res.Status)
		}
		h.Cookies = append(h.Cookies, b.Cookie(t))
		b.CloseIdleConnections()
	}
	if err := json.NewEncoder(os.Stdout).Encode(h); err != nil {
		return err
	}
	(&process{World: w.World}).orders(t.Context(), bufio.NewReader(os.Stdin), "")
	return nil
}

// StartWeb starts cmd, whose program calls ServeWeb.
func StartWeb(cmd *exec.Cmd, c WebConfig) (*Gateway, WebHello, error) {
	var h WebHello
	b, err := json.Marshal(c)
	if err != nil {
		return nil, h, err
	}
	cmd.Env = append(append(os.Environ(), cmd.Env...), WebEnv+"="+string(b))
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	g := &Gateway{cmd: cmd, world: c.Dir}
	if g.in, err = cmd.StdinPipe(); err != nil {
		return nil, h, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, h, err
	}
	g.out = bufio.NewScanner(out)
	g.out.Buffer(nil, 1<<20)
	if err := cmd.Start(); err != nil {
		return nil, h, fmt.Errorf("start the gateway: %w", err)
	}
	g.Pid = cmd.Process.Pid
	late := time.AfterFunc(patience, func() { _ = g.cmd.Process.Kill() }) // then Scan ends
	defer late.Stop()
	if !g.out.Scan() {
		return nil, h, errors.Join(errors.New("the gateway said nothing"), g.Kill())
	}
	if err := json.Unmarshal(g.out.Bytes(), &h); err != nil {
		return nil, h, errors.Join(err, g.Kill())
	}
	g.Addr = h.Addr
	return g, h, nil
}
