package sshproxy

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/pkg/sftp"

	"lockbox/policy"
	"lockbox/recorder"
	"lockbox/tests/e2e/harness"
)

// A copier runs OpenSSH's sftp and scp through the door.
type copier struct {
	*house
	c    *harness.Client
	port string
}

func newCopier(t *testing.T, h *house) copier {
	t.Helper()
	i := harness.NewIdentity(t)
	h.addKey(t, h.Eng, i)
	h.Eng.SSH = i.Signer(t)
	return copier{h, h.openSSH(t, i), harness.To(login, h.Addr)[1]}
}

// run gives all that was said, and the exit status.
func (c copier) run(t *testing.T, stdin, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(name, append([]string{"-F", filepath.Join(c.c.Dir, "config"), "-P", c.port, "-o", "User=" + login}, args...)...)
	cmd.Env, cmd.Stdin, cmd.Dir = c.c.Command().Env, strings.NewReader(stdin), c.c.Dir
	out, _ := cmd.CombinedOutput() // the status says it
	return string(out), cmd.ProcessState.ExitCode()
}

func TestC5OpenSSHCopiesFilesInBothProtocols(t *testing.T) {
	h := filesHouse(t, nil, ours()...)
	c := newCopier(t, h)
	h.granted(t, h.Eng, time.Hour)
	data := someBytes(300_000)
	if err := os.MkdirAll(filepath.Join(c.c.Dir, "tree/deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "tree/a b", "tree/deep/c'd"} {
		if err := os.WriteFile(filepath.Join(c.c.Dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := 0
	for _, args := range [][]string{{"-O"}, {"-s"}, {"-O", "-p", "-C"}} {
		for _, step := range [][]string{{"file", "127.0.0.1:there"}, {"127.0.0.1:there", "back"}, {"-r", "tree", "127.0.0.1:"}, {"-r", "127.0.0.1:tree", "again"}} {
			if out, code := c.run(t, "", "scp", slices.Concat(args, []string{"-q"}, step)...); code != 0 || out != "" {
				t.Errorf("scp %v %v: %d\n%s", args, step, code, out)
			}
			want++
			if step[0] == "-r" {
				want++
			}
		}
		for _, name := range []string{"back", "again/a b", "again/deep/c'd"} {
			if got, err := os.ReadFile(filepath.Join(c.c.Dir, name)); err != nil || !bytes.Equal(got, data) {
				t.Errorf("scp %v: %s: %d bytes, %v", args, name, len(got), err)
			}
			_ = os.RemoveAll(filepath.Join(c.c.Dir, strings.Split(name, "/")[0])) // of "again" the first time takes all
			if name == "again/a b" {
				break
			}
		}
	}
	batch := "put file up\nget up down\nmkdir d\nrename up d/up\nls -l d\ndf\nchmod 600 d/up\nln -s x d/l\nrm d/l\nrm d/up\nrmdir d\n"
	if out, code := c.run(t, batch, "sftp", "-b", "-", "127.0.0.1"); code != 0 || !strings.Contains(out, "Avail") {
		t.Errorf("sftp: %d\n%s", code, out)
	}
	if got, err := os.ReadFile(filepath.Join(c.c.Dir, "down")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("sftp: %d bytes, %v", len(got), err)
	}
	sum := fmt.Sprintf("300000 %.8s", sum256(data))
	for _, l := range h.fileEvents(t, want) {
		if strings.HasPrefix(l, "file.get") && !strings.HasSuffix(l, sum) || strings.HasPrefix(l, "file.put") && !strings.HasSuffix(l, sum) {
			t.Errorf("got %q", l)
		}
	}
}

func TestB07FilesNeedTheirOwnRight(t *testing.T) {
	read, write := "get there out\n", "put file up\n"
	changes := []string{"rename there x\n", "rm there\n", "mkdir x\n", "chmod 777 there\n", "ln there x\n", "ln -s there x\n", "cp there x\n", "rename -l there x\n"}
	for _, row := range []struct {
		rule    string
		actions []policy.Action // of the rule
		left    []policy.Action // by an approver; nil: all
		ok, no  []string
		says    string // at no
	}{
		{"shell and exec", []policy.Action{policy.Shell, policy.Exec}, nil, nil, []string{read, write, "df\n"}, `"code":"LBX-`},
		{"with both, without by a vote", ours(), []policy.Action{policy.Shell, policy.Exec}, nil, []string{read, "df\n"}, `"code":"LBX-`},
		{"reading", ours(), []policy.Action{policy.Shell, policy.SFTPGet}, []string{read, "df\n", "ls\n"}, append(changes, write), "lockbox: changing files is not permitted here (sftp-put)"},
		{"writing", ours(), []policy.Action{policy.Shell, policy.SFTPPut}, []string{write, "df\n"}, []string{read, "cp there x\n"}, "lockbox: reading files is not permitted here (sftp-get)"},
		{"both", ours(), nil, slices.Concat([]string{read, write, "df\n", "cp there y\n"}, []string{"rename there x\n", "ln -s x there\n"}), nil, ""},
	} {
		h := filesHouse(t, nil, row.actions...)
		c := newCopier(t, h)
		code := h.Ask(t, h.Eng, "nord", time.Hour)
		h.says(t, h.Ceo, code, policy.Terms{For: time.Hour, Actions: row.left})
		h.says(t, h.Ann, code, policy.Terms{For: time.Hour})
		h.touched(t, h.Eng, "support_nord")
		if err := os.WriteFile(filepath.Join(c.c.Dir, "file"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := run(t, h.dial(t, login, h.Eng), "echo there >there"); slices.Contains(row.left, policy.Exec) && got.Status != 0 {
			t.Errorf("%s: exec: %+v", row.rule, got)
		}
		h.there(t)
		for _, cmd := range row.no {
			out, code := c.run(t, cmd, "sftp", "-b", "-", "127.0.0.1")
			if code == 0 || !strings.Contains(out, row.says) {
				t.Errorf("%s: %q: got %d\n%s", row.rule, cmd, code, out)
			}
		}
		for _, cmd := range row.ok {
			if out, code := c.run(t, cmd, "sftp", "-b", "-", "127.0.0.1"); code != 0 {
				t.Errorf("%s: %q: got %d\n%s", row.rule, cmd, code, out)
			}
		}
	}
}

func TestB07FilesNeedATouchToo(t *testing.T) {
	h := filesHouse(t, nil, ours()...)
	c := newCopier(t, h)
	h.Grant(t, h.Eng, time.Hour)
	for _, name := range []string{"sftp", "scp", "scp -O"} {
		args := append(strings.Fields(name)[1:], "127.0.0.1:there", "out")
		if name == "sftp" {
			args = []string{"-b", "/dev/null", "127.0.0.1"}
		}
		if out, code := c.run(t, "", strings.Fields(name)[0], args...); code == 0 || !strings.Contains(out, `"code":"LBX-TOUCH"`) {
			t.Errorf("%s: got %d\n%s", name, code, out)
		}
	}
}

func TestB07NothingIsMovedThatCannotBeRecorded(t *testing.T) {
	h := filesHouse(t, nil, ours()...)
	h.granted(t, h.Eng, time.Hour)
	c := h.sftpClient(t)
	if err := os.RemoveAll(h.Shelf.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Shelf.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(10 * time.Second)
	for n := 0; ; n++ {
		f, err := c.Create(fmt.Sprint("f", n))
		if err != nil {
			break
		}
		_, _ = f.Write(make([]byte, 100_000))
		if time.Now().After(late) {
			t.Fatal("files are written without a recording")
		}
	}
	if _, err := sftp.NewClient(h.dial(t, login, h.Eng)); err == nil {
		t.Error("a new session began without a recording")
	}
}

func TestAnApproverWithoutFilesHasThemRefused(t *testing.T) {
	h := filesHouse(t, nil, ours()...)
	c := newCopier(t, h)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	h.says(t, h.Ceo, code, policy.Terms{For: time.Hour, NoFiles: true})
	h.says(t, h.Ann, code, policy.Terms{For: time.Hour})
	h.touched(t, h.Eng, "support_nord")
	for _, args := range [][]string{{"-O"}, {"-s"}} {
		if out, code := c.run(t, "", "scp", append(args, "127.0.0.1:there", "out")...); code == 0 || !strings.Contains(out, "lockbox-json") {
			t.Errorf("%v: got %d\n%s", args, code, out)
		}
	}
	if got := run(t, h.dial(t, login, h.Eng), "scp -t x"); got.Status != 255 || !strings.Contains(got.Stderr, "approved without file transfer") {
		t.Errorf("got %+v", got)
	}
}

func TestB07PathsOfARuleHoldAndTheOldProtocolCannot(t *testing.T) {
	h := filesHouse(t, nil, ours()...)
	home := run(t, func() *ssh.Client { h.granted(t, h.Eng, time.Hour); return h.dial(t, login, h.Eng) }(), "mkdir -p in out; echo x >in/a; echo y >out/b; ln -s ../out in/l; pwd -P")
	dir := strings.TrimSpace(home.Stdout)
	p := *h.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Bounds.SFTP = &policy.SFTP{Paths: []string{dir + "/in/**"}, MaxFile: 10}
	h.SetPolicy(&p)
	c := h.sftpClient(t)
	for name, ok := range map[string]bool{"in/a": true, dir + "/in/a": true, "out/b": false, "in/l/b": false, "in/../out/b": false} {
		f, err := c.Open(name)
		if err == nil {
			_, err = io.ReadAll(f)
		}
		if ok != (err == nil) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	x := newCopier(t, h)
	h.touched(t, h.Eng, "support_nord")
	if out, code := x.run(t, "", "scp", "-O", "127.0.0.1:in/a", "out"); code == 0 || !strings.Contains(out, "which the old protocol of scp cannot keep") {
		t.Errorf("got %d\n%s", code, out)
	}
	if out, code := x.run(t, "", "scp", "-s", "127.0.0.1:in/a", "out"); code != 0 {
		t.Errorf("got %d\n%s", code, out)
	}
}

// there leaves a file where the person begins.
func (h *house) there(t *testing.T) {
	t.Helper()
	homes, err := filepath.Glob(filepath.Join(h.homes, "*"))
	if err != nil || len(homes) == 0 {
		t.Fatalf("got %v, %v", homes, err)
	}
	for _, dir := range homes {
		if err := os.WriteFile(filepath.Join(dir, "there"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestB08TricksAroundScpAreCommands(t *testing.T) {
	h := filesHouse(t, nil, ours()...)
	code := h.Ask(t, h.Eng, "nord", time.Hour)
	h.says(t, h.Ceo, code, policy.Terms{For: time.Hour, Actions: []policy.Action{policy.Shell, policy.SFTPGet, policy.SFTPPut}})
	h.says(t, h.Ann, code, policy.Terms{For: time.Hour})
	h.touched(t, h.Eng, "support_nord")
	c := h.dial(t, login, h.Eng)
	for _, command := range []string{"scp -t x; id", "scp -t `id`", "scp -f $(id)", "scp -S id -t x", "/usr/bin/scp -t x", "scp -t x\nid", "scp -f {a,b}", "sh -c 'scp -t x'"} {
		if got := run(t, c, command); got.Status != 255 || got.Stdout != "" || !strings.Contains(got.Stderr, "LBX-") {
			t.Errorf("%q: got %+v", command, got)
		}
	}
	if got := run(t, c, "scp -f 'none`id`'"); got.Status == 255 || strings.Contains(got.Stderr+got.Stdout, "uid=") {
		t.Errorf("got %+v", got)
	}
}

func TestAnExecThatIsScpIsReadAlong(t *testing.T) {
	h := newHouse(t)
	c := newCopier(t, h)
	code := h.granted(t, h.Eng, time.Hour)
	if err := os.WriteFile(filepath.Join(c.c.Dir, "file"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := c.run(t, "", "scp", "-O", "file", "127.0.0.1:there"); code != 0 {
		t.Fatalf("got %d\n%s", code, out)
	}
	if got := h.fileEvents(t, 1); got[0] != "file.put there (file) 5 2cf24dba" {
		t.Errorf("got %q", got)
	}
	h.close(t)
	p := h.recording(t, code)
	if got := recorded(t, p, "exec0", recorder.CodeStdin); !bytes.Contains(got, []byte(`"bytes":`)) {
		t.Errorf("got %q", got)
	}
}

func TestF2ContentsAreKeptWhereARuleSaysSo(t *testing.T) {
	h := filesHouse(t, nil, ours()...)
	p := *h.Policy()
	p.Rules[0].Record.SFTP = "full"
	h.SetPolicy(&p)
	code := h.granted(t, h.Eng, time.Hour)
	c := h.sftpClient(t)
	f, err := c.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte("in the file"))
	_ = f.Close()
	_ = c.Close()
	h.close(t)
	rec := h.recording(t, code)
	if got := recorded(t, rec, "file1", recorder.CodeInput); string(got) != "in the file" {
		t.Errorf("got %q of %v", got, rec.Tracks())
	}
	if got := recorded(t, rec, "sftp0", recorder.CodeObject); !bytes.Contains(got, []byte(`"track":"file1"`)) {
		t.Errorf("got %s", got)
	}
}

func TestManyFilesAreToldOfTogether(t *testing.T) {
	h := filesHouse(t, nil, ours()...)
	code := h.granted(t, h.Eng, time.Hour)
	c := h.sftpClient(t)
	began := time.Now()
	const n = 1500
	for i := range n {
		f, err := c.Create(fmt.Sprint("f", i%7))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	t.Logf("%d files in %s", n, time.Since(began))
	_ = c.Close()
	h.close(t)
	rec := h.recording(t, code)
	puts, more := 0, ""
	for e, err := range h.Ledger.Watch(t.Context(), -1) {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case "file.put":
			puts++
		case "files.more":
			more = e.Detail["file.put"]
		}
		if e.Kind == "session.close" {
			if e.Detail["files"] != fmt.Sprint(n) {
				t.Errorf("the end says %v", e.Detail)
			}
			break
		}
	}
	if puts != 1000 || more != "500" || rec == nil {
		t.Errorf("%d events, and %q more", puts, more)
	}
}
