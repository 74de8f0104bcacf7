package sftp

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pkg/sftp"
)

func chance(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func TestEveryOperationIsRecordedBeforeAndAfter(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, both(), dir)
	c := b.client()
	at := func(name string) string { return filepath.Join(dir, name) }
	data := chance(300_000)
	f := must(c.Create(at("a")))(t)
	must(f.Write(data))(t)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(f.Close())
	got := must(c.Open(at("a")))(t)
	back := must(io.ReadAll(got))(t)
	ok(got.Close())
	if !bytes.Equal(back, data) {
		t.Fatal("it came back otherwise")
	}
	ok(c.Mkdir(at("d")))
	ok(c.Rename(at("a"), at("d/b")))
	ok(c.PosixRename(at("d/b"), at("d/c")))
	ok(c.Link(at("d/c"), at("d/e")))
	ok(c.Symlink("c", at("d/s")))
	must(c.ReadLink(at("d/s")))(t)
	ok(c.Chmod(at("d/c"), 0o600))
	must(c.ReadDir(at("d")))(t)
	must(c.StatVFS(dir))(t)
	for _, name := range []string{"d/c", "d/e", "d/s"} {
		ok(c.Remove(at(name)))
	}
	ok(c.RemoveDirectory(at("d")))
	if _, err := c.Open(at("none")); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
	h := sum(data)[:8]
	want := []string{
		"put /a 300000 " + h + " ok", "get /a 300000 " + h + " ok", "mkdir /d ok", "rename /a -> /d/b ok", "rename /d/b -> /d/c ok",
		"hardlink /d/c -> /d/e ok", "symlink /d/s -> c ok", "readlink /d/s ok", "setstat /d/c ok", "list /d ok", "statvfs  ok",
		"remove /d/c ok", "remove /d/e ok", "remove /d/s ok", "rmdir /d ok", "open /none no such file",
	}
	var lines []string
	for _, l := range b.last() {
		if l = strings.ReplaceAll(l, dir, ""); !strings.HasPrefix(l, "stat") || strings.HasPrefix(l, "statvfs") {
			lines = append(lines, l)
		}
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	all := strings.ReplaceAll(strings.Join(b.seen(), "\n"), dir, "")
	for _, l := range want {
		switch op, rest, _ := strings.Cut(l, " "); op {
		case "mkdir", "rename", "hardlink", "symlink", "setstat", "remove", "rmdir":
			if asked := op + " " + strings.TrimSuffix(rest, OK) + Asked; !strings.Contains(all, asked) {
				t.Errorf("not told before: %s", asked)
			}
		}
	}
}

func TestRightsHoldInsideTheProtocol(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "a")
	open := func(flags int) func(*sftp.Client) error {
		return func(c *sftp.Client) error {
			f, err := c.OpenFile(at, flags)
			if err == nil {
				return f.Close()
			}
			return err
		}
	}
	writes := map[string]func(*sftp.Client) error{
		"write": open(os.O_WRONLY), "truncate": open(os.O_RDONLY | os.O_TRUNC), "create": open(os.O_RDONLY | os.O_CREATE),
		"append": open(os.O_APPEND | os.O_RDONLY), "both": open(os.O_RDWR),
		"mkdir": func(c *sftp.Client) error { return c.Mkdir(at + "x") }, "remove": func(c *sftp.Client) error { return c.Remove(at) },
		"rename": func(c *sftp.Client) error { return c.Rename(at, at+"y") }, "posix-rename": func(c *sftp.Client) error { return c.PosixRename(at, at+"y") },
		"link": func(c *sftp.Client) error { return c.Link(at, at+"y") }, "symlink": func(c *sftp.Client) error { return c.Symlink(at, at+"y") },
		"chmod": func(c *sftp.Client) error { return c.Chmod(at, 0o777) }, "truncate to": func(c *sftp.Client) error { return c.Truncate(at, 0) },
		"chown": func(c *sftp.Client) error { return c.Chown(at, 0, 0) },
	}
	reads := map[string]func(*sftp.Client) error{"read": open(os.O_RDONLY), "both": open(os.O_RDWR)}
	neutral := map[string]func(*sftp.Client) error{
		"stat": func(c *sftp.Client) error { _, err := c.Stat(at); return err }, "list": func(c *sftp.Client) error { _, err := c.ReadDir(dir); return err },
		"statvfs": func(c *sftp.Client) error { _, err := c.StatVFS(dir); return err },
	}
	for _, row := range []struct {
		rule   string
		c      Config
		no, ok map[string]func(*sftp.Client) error
	}{
		{"only reading", Config{Get: &Bounds{}}, writes, neutral},
		{"only writing", Config{Put: &Bounds{}}, reads, neutral},
		{"nothing", Config{}, writes, nil},
	} {
		c := newBench(t, row.c, dir).client()
		for what, do := range row.no {
			if err := do(c); !os.IsPermission(err) {
				t.Errorf("%s: %s: got %v", row.rule, what, err)
			}
		}
		for what, do := range row.ok {
			if err := do(c); err != nil {
				t.Errorf("%s: %s: got %v", row.rule, what, err)
			}
		}
	}
	if got, err := os.ReadDir(dir); err != nil || len(got) != 1 || must(os.ReadFile(at))(t) == nil {
		t.Errorf("something was changed: %v, %v", got, err)
	}
}

func TestPathsAreHeldWhereTheServerSaysTheyLead(t *testing.T) {
	top := must(filepath.EvalSymlinks(t.TempDir()))(t)
	in, out := filepath.Join(top, "in"), filepath.Join(top, "out")
	for _, d := range []string{in, out, in + "/d", top + "/inner"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{in + "/a": "inside", out + "/secret": "outside", in + "/d/x": "x"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"leads": out, "file": out + "/secret", "dangles": out + "/new", "loop": "loop", "back": "a", "rel": "../out"} {
		if err := os.Symlink(to, in+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(t, Config{Get: &Bounds{Paths: []string{in + "/**"}}, Put: &Bounds{Paths: []string{in + "/**"}}}, top)
	c := b.client()
	read := func(p string) error {
		f, err := c.Open(p)
		if err == nil {
			_, err = io.ReadAll(f)
			_ = f.Close()
		}
		return err
	}
	write := func(p string) error {
		f, err := c.Create(p)
		if err == nil {
			_ = f.Close()
		}
		return err
	}
	for what, err := range map[string]error{
		"outside": read(out + "/secret"), "through ..": read(in + "/../out/secret"), "through a link": read(in + "/leads/secret"), "a link": read(in + "/file"),
		"a relative link": read(in + "/rel/secret"), "relative": read("out/secret"), "dots and slashes": read(in + "/./d/..//../out/secret"), "a neighbour": read(top + "/inner"),
		"new, outside": write(out + "/new"), "new, through a link": write(in + "/leads/new"), "new, by a link": write(in + "/dangles"), "new, through ..": write(in + "/../new"),
		"rename out": c.Rename(in+"/a", out+"/a"), "rename in": c.PosixRename(out+"/secret", in+"/secret"), "rename through": c.Rename(in+"/a", in+"/leads/a"),
		"a link that is moved": c.Rename(in+"/leads", in+"/d/leads"), "hard link in": c.Link(out+"/secret", in+"/s"), "hard link of a link": c.Link(in+"/file", in+"/s"),
		"a new link": c.Symlink(out, in+"/new"), "a new link inside": c.Symlink("a", in+"/new"), "mkdir": c.Mkdir(in + "/leads/d"), "mkdir out": c.Mkdir(top + "/d"),
		"chmod": c.Chmod(in+"/file", 0o777), "the directory itself": c.RemoveDirectory(in), "rmdir": c.RemoveDirectory(top + "/inner"),
		"remove": c.Remove(in + "/leads/secret"), "list": func() error { _, err := c.ReadDir(out); return err }(), "list above": func() error { _, err := c.ReadDir(top); return err }(),
		"stat": func() error { _, err := c.Stat(in + "/file"); return err }(), "lstat": func() error { _, err := c.Lstat(out + "/secret"); return err }(),
		"real path": func() error { _, err := c.RealPath(in + "/leads"); return err }(), "statvfs": func() error { _, err := c.StatVFS(out); return err }(),
		"nothing there": read(out + "/nothing"),
	} {
		if !os.IsPermission(err) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"read": read(in + "/a"), "a link inside": read(in + "/back"), "new": write(in + "/new"), "through .. and back": read(in + "/d/../a"), "deeper": read(in + "//d/./x"),
		"rename": c.Rename(in+"/new", in+"/d/new"), "remove": c.Remove(in + "/d/new"), "mkdir": c.Mkdir(in + "/e"), "rmdir": c.RemoveDirectory(in + "/e/"),
		"list": func() error { _, err := c.ReadDir(in); return err }(), "stat above": func() error { _, err := c.Stat(top); return err }(),
		"remove a link": c.Remove(in + "/dangles"), "home": func() error { _, err := c.RealPath("."); return err }(), "relative": read("in/a"),
		"real path": func() error { _, err := c.RealPath(in + "/d/.."); return err }(),
	} {
		if err != nil {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if err := read(in + "/nothing"); !os.IsNotExist(err) {
		t.Errorf("nothing there: got %v", err)
	}
	if got := must(os.ReadDir(out))(t); len(got) != 1 || string(must(os.ReadFile(out+"/secret"))(t)) != "outside" {
		t.Errorf("outside there is %v", got)
	}
}

func TestFilesAreNoLargerThanTheRuleSays(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "a")
	for _, n := range []int{1000, 1001} {
		if err := os.WriteFile(fmt.Sprint(at, n), chance(n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(t, Config{Get: &Bounds{MaxFile: 1000}, Put: &Bounds{MaxFile: 1000}}, dir)
	c := b.client()
	f := must(c.Open(at + "1000"))(t)
	if got := must(io.ReadAll(f))(t); len(got) != 1000 {
		t.Errorf("got %d bytes", len(got))
	}
	if got, err := io.ReadAll(must(c.Open(at + "1001"))(t)); !os.IsPermission(err) || len(got) > 1000 {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	w := must(c.Create(at))(t)
	for off, ok := range map[int64]bool{0: true, 900: true, 901: false, 5000: false, 1 << 62: false, -100: false} {
		if _, err := w.WriteAt(make([]byte, 100), off); ok != (err == nil) {
			t.Errorf("at %d: got %v", off, err)
		}
	}
	for what, err := range map[string]error{
		"truncate": c.Truncate(at, 1001), "append": func() error { _, err := c.OpenFile(at, os.O_APPEND|os.O_WRONLY); return err }(), "through the handle": w.Truncate(5000),
	} {
		if !os.IsPermission(err) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if got := must(os.Stat(at))(t); got.Size() != 1000 {
		t.Errorf("it has %d bytes", got.Size())
	}
}

func TestWhatIsNotOnePassIsPartial(t *testing.T) {
	dir := t.TempDir()
	data := chance(1000)
	at := filepath.Join(dir, "a")
	if err := os.WriteFile(at, data, 0o644); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, both(), dir)
	c := b.client()
	f := must(c.Open(at))(t)
	buf := make([]byte, 100)
	for _, off := range []int64{500, 600, 0} {
		must(f.ReadAt(buf, off))(t)
	}
	_ = f.Close()
	w := must(c.OpenFile(at, os.O_WRONLY))(t)
	for i := range int64(100) {
		must(w.WriteAt(buf[:1], 2*i))(t)
	}
	_ = w.Close()
	want := fmt.Sprintf("get %s 300 %.8s partial [[500 200] [0 100]] false ok", at, sum(slices.Concat(data[500:700], data[:100])))
	if got := b.last(); got[0] != want || !strings.Contains(got[1], "[126 1]] true ok") {
		t.Errorf("got %q", got)
	}
}

func TestTwoThatWorkAtOnceAreHashedAsWhole(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, both(), dir)
	c := b.client(sftp.UseConcurrentReads(true), sftp.MaxConcurrentRequestsPerFile(64))
	data := chance(8 << 20)
	at := filepath.Join(dir, "big")
	f := must(c.Create(at))(t)
	must(f.ReadFrom(bytes.NewReader(data)))(t)
	_ = f.Close()
	got := new(bytes.Buffer)
	r := must(c.Open(at))(t)
	must(r.WriteTo(got))(t)
	_ = r.Close()
	if !bytes.Equal(got.Bytes(), data) {
		t.Error("it came back otherwise")
	}
	for _, l := range b.last() {
		if !strings.HasPrefix(l, "stat ") && !strings.Contains(l, "8388608") {
			t.Errorf("got %.200s", l)
		}
		t.Logf("%.200s", l)
	}
}
