package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	versitygw = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
	region    = "eu-north-1"
)

// gatewayS3 and azurite are what speaks S3, and what speaks Azure's protocol;
// TestMain sets them once, before any test.
var gatewayS3, azurite string

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child() // of TestAKeeperThatIsKilledGoesOn
		return
	}
	if err := install(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// install gets the servers. What is there already it takes as it is.
func install() error {
	web, err := filepath.Abs("web")
	if err != nil {
		return err
	}
	azurite = filepath.Join(web, "node_modules/azurite/dist/src/blob/main.js")
	if older(filepath.Join(web, "node_modules/.package-lock.json"), filepath.Join(web, "package-lock.json")) {
		if err := command(web, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
			return err
		}
	}
	bin, err := filepath.Abs("../../bin/servers")
	if err != nil {
		return err
	}
	gatewayS3 = filepath.Join(bin, filepath.Base(versitygw), "versitygw")
	if _, err := os.Stat(gatewayS3); err == nil {
		return nil
	}
	return command(os.TempDir(), []string{"GOBIN=" + filepath.Dir(gatewayS3), "GOFLAGS="}, "go", "install", versitygw)
}

// older says that a is not there, or from before b was written.
func older(a, b string) bool {
	fa, err := os.Stat(a)
	fb, err2 := os.Stat(b)
	return err != nil || err2 != nil || fa.ModTime().Before(fb.ModTime())
}

func command(dir string, env []string, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, out)
	}
	return nil
}

// A server is a process that can be stopped and started again as it was.
type server struct {
	addr string
	args []string
	env  []string
	out  bytes.Buffer
	cmd  *exec.Cmd
}

// serve starts a server on a free port of this machine. PORT in its arguments is that port's number.
func serve(t *testing.T, env []string, args func(host, port string) []string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: l.Addr().String(), env: env}
	_ = l.Close() // it is for the server
	host, port, _ := net.SplitHostPort(s.addr)
	s.args = args(host, port)
	s.start(t)
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the server answers", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// kill is a power cut.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may be gone
	_ = s.cmd.Wait()         // killed
	s.cmd = nil
}

// stop asks it to go, so that it keeps what it has: Azurite writes its lists now and then only.
func (s *server) stop(t *testing.T) {
	if s.cmd == nil {
		return
	}
	process := s.cmd.Process
	_ = process.Signal(os.Interrupt) // it may be gone
	late := time.AfterFunc(10*time.Second, func() { _ = process.Kill() })
	_ = s.cmd.Wait() // interrupted
	late.Stop()
	s.cmd = nil
	if t.Failed() {
		t.Logf("%s said:\n%.2000s", filepath.Base(s.args[0]), s.out.String())
	}
}

// until waits for something to be so.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not true in time: %s", what)
		}
	}
}

// A place is where a store is, and how to reach it as its owner.
type place struct {
	*server
	scheme string
	secret string // a file
	wrong  string // a file with other credentials
}

// url is the store's address, perhaps through a proxy.
func (p *place) url(addr, secret string) string {
	if addr == "" {
		addr = p.addr
	}
	if p.scheme == "s3" {
		return fmt.Sprintf("s3://rec/some/prefix?region=%s&endpoint=http://%s&credentials=file:%s", region, addr, secret)
	}
	return fmt.Sprintf("azblob://rec/some/prefix?account=%s&endpoint=http://%s/%s&credentials=file:%s", azureAccount, addr, azureAccount, secret)
}

// places are the stores that every case is tried with.
func places(t *testing.T, do func(t *testing.T, p *place)) {
	t.Run("s3", func(t *testing.T) { t.Parallel(); do(t, newS3(t)) })
	t.Run("azblob", func(t *testing.T) { t.Parallel(); do(t, newAzure(t)) })
}

func newS3(t *testing.T, more ...string) *place {
	t.Helper()
	dir := t.TempDir()
	secret := rand.Text()
	p := &place{scheme: "s3", secret: secretFile(t, "owner "+secret), wrong: secretFile(t, "owner "+rand.Text())}
	p.server = serve(t, []string{"ROOT_ACCESS_KEY=owner", "ROOT_SECRET_KEY=" + secret}, func(host, port string) []string {
		for _, d := range []string{"root", "versions"} {
			if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		args := []string{gatewayS3, "--region", region, "--port", host + ":" + port, "--quiet"}
		args = append(args, more...)
		return append(args, "posix", "--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "root"))
	})
	p.makeBucket(t, false)
	return p
}

const azureAccount = "lockboxtest"

func newAzure(t *testing.T) *place {
	t.Helper()
	key := func() string {
		var b [64]byte
		_, _ = rand.Read(b[:])
		return base64.StdEncoding.EncodeToString(b[:])
	}
	secret, dir := key(), t.TempDir()
	p := &place{scheme: "azblob", secret: secretFile(t, secret), wrong: secretFile(t, key())}
	p.server = serve(t, []string{"AZURITE_ACCOUNTS=" + azureAccount + ":" + secret}, func(host, port string) []string {
		return []string{"node", azurite, "--blobHost", host, "--blobPort", port, "--location", dir, "--silent", "--disableTelemetry"}
	})
	c := p.container(t)
	if _, err := c.Create(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	return p
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
