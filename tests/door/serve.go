package door

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"lockbox/approvals"
	"lockbox/gateway"
	"lockbox/gateway/heap"
	"lockbox/gateway/sshproxy"
	"lockbox/policy"
	"lockbox/recorder/archive"
	"lockbox/tests/world"
)

// Env of a process that is the gateway: a Config as JSON. Who may become one
// calls Serve first thing.
const Env = "LOCKBOX_TEST_DOOR"

// A Config says what is special about the gateway.
type Config struct {
	Dir        string // for all it keeps; it is the caller's to remove
	Recordings string // folder; "": in Dir
	Store      string // object storage, as archive.OpenStore takes it; "": none
	MinFree    int64  // as in recorder.Shelf, with any percentage; 0: as in production
	Login      string // on the target, who reaches all customers; "": support_nord
	Rule       policy.Recording
	Limits     sshproxy.Limits
	Patience   time.Duration // with a disk; 0: as in production
}

// A hello is what the gateway says first.
type hello struct {
	Dir  string // of the world
	Addr string
	Host string // its host key, as in authorized_keys
	CA   string // what the target trusts
	Key  string // private SSH key of who may go in
}

// Serve makes this process the gateway if its environment says so; then it does
// not return. It reads a line with the target's address and host key from
// standard input, says "ready", and ends when standard input does.
func Serve() {
	text := os.Getenv(Env)
	if text == "" {
		return
	}
	var c Config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fail(err)
	}
	if err := os.Setenv("TMPDIR", c.Dir); err != nil {
		fail(err)
	}
	testing.Benchmark(func(b *testing.B) { // the world's parts take a testing.TB
		p := &process{World: world.New(loud{b}, "127.0.0.1:1", "SHA256:none")}
		if err := p.serve(loud{b}, c); err != nil {
			fail(err)
		}
		os.Exit(0)
	})
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "door:", err)
	os.Exit(1)
}

// loud ends the process where a test would end.
type loud struct{ testing.TB }

func (loud) Fatal(args ...any)                 { fail(fmt.Errorf("%s", fmt.Sprint(args...))) }
func (loud) Fatalf(format string, args ...any) { fail(fmt.Errorf(format, args...)) }

type process struct {
	*world.World
}

func (p *process) serve(t testing.TB, c Config) error {
	if c.Recordings != "" {
		p.Shelf.Dir = c.Recordings
	}
	p.Shelf.Patience, p.Shelf.Reserve = c.Patience, 0 // as in production: the world's are for tests on a busy machine
	if c.MinFree != 0 {
		p.Shelf.MinFree, p.Shelf.MinFreePercent = c.MinFree, -1
	}
	key, err := p.key(t)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	report := func(err error) { fmt.Fprintln(os.Stderr, "reported:", err) }
	p.Gateway.Report = report
	door := &sshproxy.Door{Gateway: p.Gateway, Desk: p.Desk, People: p.People, Keys: p.Keys, Portal: "http://localhost:8080", Report: report, Limits: c.Limits}
	served := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if err := p.store(ctx, c, report); err != nil {
		return err
	}
	go func() { served <- door.Serve(ctx, l) }()
	go heap.Keep(ctx) // as in production; it ends with the process
	err = json.NewEncoder(os.Stdout).Encode(hello{
		Dir: p.Dir, Addr: l.Addr().String(), Key: key, Host: text(p.Keys.Host.PublicKey()), CA: text(p.Keys.TargetCA.PublicKey()),
	})
	if err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	var address, host string
	if _, err := fmt.Fscanln(in, &address, &host); err != nil {
		return fmt.Errorf("read the target: %w", err)
	}
	code, err := p.let(t, c, address, host)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	p.orders(t.Context(), in, code)
	p.Gateway.Close("stopped")
	stop()
	return <-served
}

// store keeps the recordings in object storage, too, until ctx ends.
func (p *process) store(ctx context.Context, c Config, report func(error)) error {
	if c.Store == "" {
		return nil
	}
	s, err := archive.OpenStore(ctx, c.Store)
	if err != nil {
		return err
	}
	k := &archive.Keeper{Shelf: p.Shelf, Store: s, Now: time.Now, Report: report}
	p.Shelf.Closed, p.Shelf.Waits = k.Closed, k.Wait
	go func() {
		if err := k.Run(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
	}()
	return nil
}

// key gives Eng another SSH key, and its private half.
func (p *process) key(t testing.TB) (string, error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	public, err := ssh.NewPublicKey(pub)
	if err != nil {
		return "", err
	}
	ask, err := p.People.BeginSSHKey(t.Context(), p.Eng.ID, text(public))
	if err != nil {
		return "", err
	}
	if _, err := p.People.AddSSHKey(t.Context(), ask.ID, p.Eng.Answer(t, ask.Options)); err != nil {
		return "", err
	}
	p.Eng.SSH, err = ssh.NewSignerFromKey(priv)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(block)), nil
}

// let gives Eng four hours on the target, with the touch it takes, and says under which request.
func (p *process) let(t testing.TB, c Config, address, host string) (code string, err error) {
	words := world.Policy(address, host)
	words.Rules[0].Record = c.Rule
	words.Rules[0].Fresh = 4 * time.Hour
	login := "support_nord"
	if c.Login != "" {
		login = c.Login
		words.Targets["db1.prod"].Logins = []policy.Login{{Name: login}}
	}
	p.SetPolicy(words)
	v, err := p.Desk.Submit(t.Context(), p.Eng.Principal, approvals.Application{
		Target: "db1.prod", Login: login, Do: policy.Shell, For: 4 * time.Hour, Need: policy.Need{Reason: "outage", Text: "contract stuck in state 7"},
	})
	if err != nil {
		return "", err
	}
	code = v.Request.ID
	by := []*world.Human{p.Ceo, p.Ann}
	if c.Login != "" {
		by = append(by, p.Bo)
	}
	for _, h := range by {
		if err := p.Approve(t, h, code); err != nil {
			return "", err
		}
	}
	k := gateway.Knock{Who: p.Eng.Principal, Key: ssh.FingerprintSHA256(p.Eng.SSH.PublicKey()), From: netip.MustParseAddr("127.0.0.1"), Do: policy.Shell, On: "db1.prod", Login: login}
	a, err := p.Gateway.Enter(t.Context(), k)
	if err != nil || a.Verdict != policy.Prove {
		return "", fmt.Errorf("enter: %v %q: %w", a.Verdict, a.Why, err)
	}
	p.Touch(t, p.Eng, a.Terminal)
	return code, nil
}

func text(k ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) }
