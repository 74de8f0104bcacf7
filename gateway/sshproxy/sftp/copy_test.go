package sftp

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A copied is a Copy with what it told.
type copied struct {
	*Copy
	client, server bytes.Buffer
	mu             sync.Mutex
	ops            []Op
}

func (c *copied) lines(dir string) (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.ops {
		if o.Status != Asked {
			line := o.line()
			if o.Name != "" {
				line += " (" + o.Name + ")"
			}
			all = append(all, strings.ReplaceAll(line, dir, ""))
		}
	}
	return all
}

func newCopied(t testing.TB, c Config, command string, aside bool, client, server io.Writer) *copied {
	t.Helper()
	cmd, ok := ParseCommand(command)
	if !ok {
		t.Fatalf("%q is no scp", command)
	}
	x := &copied{}
	c.Record = func(o Op) error {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.ops = append(x.ops, o)
		return nil
	}
	c.Words, c.Odd, c.Now = func(r Reason) string { return "no" }, func(string, Reason) {}, time.Now
	if client == nil {
		client, server = &x.client, &x.server
	}
	x.Copy = NewCopy(c, cmd, aside, client, server)
	return x
}

// between runs two real ends of scp, with a Copy between.
func between(t *testing.T, c Config, near []string, far string) *copied {
	t.Helper()
	start := func(args ...string) (*exec.Cmd, io.WriteCloser, io.Reader) {
		cmd := exec.Command(args[0], args[1:]...)
		in := must(cmd.StdinPipe())(t)
		out := must(cmd.StdoutPipe())(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, in, out
	}
	a, ain, aout := start(near...)
	b, bin, bout := start("sh", "-c", far)
	x := newCopied(t, c, far, false, ain, bin)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := x.Requests(aout); err != nil {
			t.Errorf("requests: %v", err)
		}
		_ = bin.Close()
	})
	wg.Go(func() {
		if err := x.Replies(bout); err != nil {
			t.Errorf("replies: %v", err)
		}
		_ = ain.Close()
	})
	wg.Wait()
	_ = a.Wait()
	_ = b.Wait()
	if err := x.Finish(); err != nil {
		t.Error(err)
	}
	return x
}

func TestRealScpIsReadAlong(t *testing.T) {
	dir := t.TempDir()
	data := chance(100_000)
	for name, b := range map[string][]byte{"src/d/a": data, "src/d/e/empty": nil, "src/it's": []byte("x")} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir+"/dst", 0o755); err != nil {
		t.Fatal(err)
	}
	h, none := sum(data)[:8], sum(nil)[:8]
	for _, row := range []struct {
		near []string
		far  string
		want []string
	}{
		{[]string{"scp", "-t", dir + "/dst/one"}, "scp -f " + dir + "/src/d/a", []string{"get /src/d/a 100000 " + h + " ok"}},
		{[]string{"scp", "-r", "-t", dir + "/dst"}, "scp -r -p -f " + dir + "/src/d",
			[]string{"list /src/d ok", "list /src/d/e ok", "get /src/d/e/empty 0 " + none + " ok", "get /src/d/a 100000 " + h + " ok"}},
		{[]string{"scp", "-t", dir + "/dst"}, "scp -f " + dir + `/src/i*\'s`, []string{"get /src/it's 1 " + sum([]byte("x"))[:8] + " ok"}},
		{[]string{"scp", "-t", dir + "/dst"}, "scp -f " + dir + "/src/none", []string{"message  scp: /src/none: No such file or directory"}},
		{[]string{"scp", "-f", dir + "/src/d/a"}, "scp -t " + dir + "/dst/two", []string{"put /dst/two 100000 " + h + " ok (a)"}},
		{[]string{"scp", "-r", "-p", "-f", dir + "/src/d"}, "scp -rpd -t " + dir + "/dst",
			[]string{"mkdir /dst/d ok", "mkdir /dst/d/e ok", "put /dst/d/e/empty 0 " + none + " ok", "put /dst/d/a 100000 " + h + " ok"}},
	} {
		got := between(t, both(), row.near, row.far).lines(dir)
		if strings.Contains(strings.Join(got, ""), "/e/") { // the order in a directory is its own
			got, row.want = sorted(got), sorted(row.want)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", row.far, diff)
		}
	}
	for _, name := range []string{"one", "two", "d/a"} {
		if !bytes.Equal(must(os.ReadFile(dir+"/dst/"+name))(t), data) {
			t.Errorf("%s is another", name)
		}
	}
	small := Config{Get: &Bounds{MaxFile: 10}, Put: &Bounds{MaxFile: 10}}
	for far, near := range map[string][]string{"scp -r -f " + dir + "/src": {"scp", "-r", "-t", dir + "/dst"}, "scp -rdt " + dir + "/dst": {"scp", "-r", "-f", dir + "/src"}} {
		got := strings.Join(between(t, small, near, far).lines(dir), "\n")
		if !strings.Contains(got, "/src/d/a refused") || !strings.Contains(got, "it's 1 ") || !strings.Contains(got, "empty 0 ") {
			t.Errorf("%s: got\n%s", far, got)
		}
	}
	if _, err := os.Stat(dir + "/dst/src/d/a"); err == nil {
		t.Error("what is too large was written")
	}
}

func sorted(all []string) []string {
	all = append([]string(nil), all...)
	for i := range all {
		for j := i; j > 0 && all[j] < all[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	return all
}

func TestB08ATargetSendsOnlyWhatItWasAskedFor(t *testing.T) {
	for _, row := range []struct {
		rule, command, says string
		err                 error
	}{
		{"as asked", "scp -f /srv/a", "C0644 1 a\nx\x00", nil},
		{"a pattern", "scp -f '/srv/'*.txt", "C0644 1 b.txt\nx\x00", nil},
		{"another name", "scp -f /srv/a", "C0644 1 b\nx\x00", ErrName},
		{"a hidden one", "scp -f /srv/a", "C0644 1 .bashrc\nx\x00", ErrName},
		{"one up", "scp -f /srv/a", "C0644 1 ../a\nx\x00", ErrName},
		{"a path", "scp -f /srv/a", "C0644 1 /srv/a\nx\x00", ErrName},
		{"the parent", "scp -r -f /srv/a", "D0755 0 ..\n", ErrName},
		{"here", "scp -r -f /srv/a", "D0755 0 .\n", ErrName},
		{"nothing", "scp -f /srv/a", "C0644 1 \nx\x00", ErrName},
		{"escapes", "scp -f /srv/*", "C0644 1 a\x1b[2Jb\nx\x00", ErrName},
		{"a second that was not asked for", "scp -f /srv/a", "C0644 1 a\nx\x00C0644 1 authorized_keys\nx\x00", ErrName},
		{"inside, anything plain", "scp -r -f /srv/a", "D0755 0 a\nC0644 1 z\nx\x00E\n", nil},
		{"inside, but up", "scp -r -f /srv/a", "D0755 0 a\nC0644 1 ..\nx\x00E\n", ErrName},
		{"too many ends", "scp -r -f /srv/a", "E\n", ErrBroken},
		{"a negative size", "scp -f /srv/a", "C0644 -1 a\n", ErrBroken},
		{"a huge size", "scp -f /srv/a", "C0644 99999999999999999999 a\n", ErrBroken},
		{"no mode", "scp -f /srv/a", "Cabc 1 a\n", ErrBroken},
		{"a login script", "scp -f /srv/a", "Welcome to db1\n", ErrBroken},
		{"no end of a line", "scp -f /srv/a", "C" + strings.Repeat("0", 9000), ErrBroken},
	} {
		for _, aside := range []bool{false, true} {
			c := newCopied(t, both(), row.command, aside, nil, nil)
			in, out := io.Pipe()
			go func() { _ = c.Requests(in) }()
			go func() { _, _ = out.Write(make([]byte, 20)) }() // agrees to all
			err := c.Replies(strings.NewReader(row.says))
			_ = in.Close()
			_ = c.Finish()
			switch {
			case aside && (err != nil || c.client.String() != row.says):
				t.Errorf("%s, read along: got %v, %q", row.rule, err, c.client.String())
			case aside:
			case row.err == nil && (err != nil || c.client.String() != row.says), row.err != nil && !strings.Contains(errText(err), row.err.Error()):
				t.Errorf("%s: got %v", row.rule, err)
			case row.err == ErrName && strings.Contains(c.client.String(), row.says):
				t.Errorf("%s: it passed", row.rule)
			}
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
