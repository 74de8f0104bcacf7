package sftp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/sftp"
)

func TestB07AServerThatLiesIsCut(t *testing.T) {
	version := framed([]byte{fxVersion, 0, 0, 0, 3})
	handle := func(id uint32, h string) []byte {
		return framed(appendText(binary.BigEndian.AppendUint32([]byte{fxHandle}, id), h))
	}
	data := func(id uint32, n int) []byte {
		return framed(appendText(binary.BigEndian.AppendUint32([]byte{fxData}, id), make([]byte, n)))
	}
	open := request{kind: fxOpen, path: "/a", flags: openRead}
	for _, row := range []struct {
		rule   string
		client []byte
		server [][]byte
	}{
		{"a version before it was asked", nil, [][]byte{version}},
		{"two versions", packets(), [][]byte{version, version}},
		{"another version", packets(), [][]byte{framed([]byte{fxVersion, 0, 0, 0, 6})}},
		{"a login script", packets(), [][]byte{[]byte("Welcome to db1\r\n")}},
		{"an answer to nothing", packets(), [][]byte{version, statusPacket(7, fxOK, "")}},
		{"a second answer", packets(open), [][]byte{version, statusPacket(1, fxFailure, ""), statusPacket(1, fxOK, "")}},
		{"data for an open", packets(open), [][]byte{version, data(1, 1)}},
		{"a handle for a stat", packets(request{kind: fxStat, path: "/a"}), [][]byte{version, handle(1, "h")}},
		{"one handle for two", packets(open, open), [][]byte{version, handle(1, "h"), handle(2, "h")}},
		{"no handle", packets(open), [][]byte{version, handle(1, "")}},
		{"a long handle", packets(open), [][]byte{version, handle(1, strings.Repeat("h", 257))}},
		{"a huge packet", packets(), [][]byte{version, {0xff, 0xff, 0xff, 0xff}}},
		{"an empty packet", packets(), [][]byte{version, {0, 0, 0, 0}}},
		{"half a packet", packets(), [][]byte{version, {0, 0, 0, 9, 1}}},
	} {
		var out, in bytes.Buffer
		c := both()
		c.Record, c.Words, c.Odd, c.Now = func(Op) error { return nil }, func(Reason) string { return "" }, func(string, Reason) {}, timeZero
		g := New(c, &out, &in)
		if row.client != nil {
			if err := g.Requests(bytes.NewReader(row.client)); err != nil {
				t.Errorf("%s: %v", row.rule, err)
			}
		}
		if err := g.Replies(bytes.NewReader(slices.Concat(row.server...))); !errors.Is(err, ErrBroken) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: got %v", row.rule, err)
		}
	}
}

func TestB07AClientThatLiesIsCut(t *testing.T) {
	refused := map[string]bool{"the server's words": true, "two beginnings": true} // and not passed on; they have an id
	twice := packets(request{kind: fxStat, path: "/a"})
	for rule, client := range map[string][]byte{
		"no beginning":       request{kind: fxStat, path: "/a"}.packet(),
		"version 2":          framed([]byte{fxInit, 0, 0, 0, 2}),
		"two beginnings":     append(packets(), framed([]byte{fxInit, 0, 0, 0, 3})...),
		"an id twice":        append(twice, request{kind: fxStat, id: 1, path: "/b"}.packet()...),
		"more than it is":    append(packets(), framed(append(request{kind: fxStat, id: 1, path: "/b"}.packet()[4:], 0))...),
		"less than it is":    append(packets(), framed([]byte{fxStat, 0, 0, 0, 1, 0, 0, 0, 9, 'x'})...),
		"a NUL in a path":    packets(request{kind: fxStat, path: "/a\x00b"}),
		"a path of 5000":     packets(request{kind: fxStat, path: strings.Repeat("a", 5000)}),
		"odd attributes":     packets(request{kind: fxSetstat, path: "/a", attrs: attrs{flags: 1 << 31}}),
		"a huge packet":      append(packets(), 0x7f, 0xff, 0xff, 0xff),
		"the server's words": append(packets(), statusPacket(1, fxOK, "")...),
	} {
		var out, in bytes.Buffer
		c := both()
		c.Record, c.Words, c.Odd, c.Now = func(Op) error { return nil }, func(Reason) string { return "" }, func(string, Reason) {}, timeZero
		g := New(c, &out, &in)
		if err := g.Requests(bytes.NewReader(client)); !errors.Is(err, ErrBroken) && !refused[rule] {
			t.Errorf("%s: got %v", rule, err)
		}
		if refused[rule] && in.Len() != 9 {
			t.Errorf("%s: it passed on %x", rule, in.Bytes())
		}
	}
}

func TestB07OnlyWhatIsKnownIsOffered(t *testing.T) {
	said := framed([]byte{fxVersion, 0, 0, 0, 3})
	body := said[4:]
	for _, x := range []string{extRename, "1", "check-file", "md5", extCopy, "1", "vendor-id", "x", extStatvfs, "2"} {
		body = appendText(body, x)
	}
	for _, row := range []struct {
		c    Config
		copy bool
	}{{both(), true}, {Config{Get: &Bounds{}, Put: &Bounds{MaxFile: 10}}, false}} {
		var out, in bytes.Buffer
		row.c.Record, row.c.Now = func(Op) error { return nil }, timeZero
		g := New(row.c, &out, &in)
		_ = g.Requests(bytes.NewReader(framed([]byte{fxInit, 0, 0, 0, 6, 'x'})))
		_ = g.Replies(bytes.NewReader(framed(body)))
		got := out.String()
		if !strings.Contains(got, extRename) || !strings.Contains(got, extStatvfs) || strings.Contains(got, "check-file") || strings.Contains(got, "vendor") || strings.Contains(got, extCopy) != row.copy {
			t.Errorf("got %q", got)
		}
		if in.String() != "\x00\x00\x00\x05\x01\x00\x00\x00\x03" {
			t.Errorf("the server heard %q", in.String())
		}
	}
}

func TestB07AnUnknownExtensionIsRefusedAndTheSessionGoesOn(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, both(), dir)
	c := b.client()
	if _, err := c.Stat(dir); err != nil {
		t.Fatal(err)
	}
	var out, in bytes.Buffer
	g := b.Config
	x := New(g, &out, &in)
	if err := x.Requests(bytes.NewReader(packets(request{kind: fxExtended, ext: "exec@evil", names: [2]string{}}, request{kind: 77}, request{kind: fxStat, path: "/a"}))); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte{0, 0, 0, fxUnsupported}); n != 2 || !bytes.Contains(in.Bytes(), []byte("/a")) || bytes.Contains(in.Bytes(), []byte("evil")) {
		t.Errorf("got %q, %q", out.String(), in.String())
	}
}

// Some servers call a path real that they only shortened: pkg/sftp's does.
func TestB07AServerThatDoesNotFollowLinksIsNotBelieved(t *testing.T) {
	top := must(filepath.EvalSymlinks(t.TempDir()))(t)
	for _, d := range []string{"in", "out"} {
		if err := os.Mkdir(filepath.Join(top, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"in/a": "inside", "out/b": "outside"} {
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"in/l": "../out", "in/f": "../out/b", "in/n": "../out/new"} {
		if err := os.Symlink(to, filepath.Join(top, name)); err != nil {
			t.Fatal(err)
		}
	}
	near, far := io.Pipe()
	back, there := io.Pipe()
	s := must(sftp.NewServer(struct {
		io.Reader
		io.WriteCloser
	}{back, far}))(t)
	go func() { _ = s.Serve() }()
	bounds := &Bounds{Paths: []string{top + "/in/**"}}
	b := behind(t, Config{Get: bounds, Put: bounds}, near, there)
	c := b.client()
	for name, ok := range map[string]bool{"in/a": true, "in/l/b": false, "in/f": false, "in/n": false, "out/b": false, "in/x": true} {
		p := filepath.Join(top, name)
		f, err := c.OpenFile(p, os.O_RDWR|os.O_CREATE)
		if ok != (err == nil) {
			t.Errorf("%s: got %v", name, err)
		}
		if f != nil {
			_ = f.Close()
		}
	}
	if _, err := os.Stat(top + "/out/new"); err == nil {
		t.Error("it was made outside")
	}
	_ = b.in.Close()
	_ = far.Close()
	<-b.end
	<-b.end
}

func TestB07NothingPassesThatCannotBeRecorded(t *testing.T) {
	dir := t.TempDir()
	for what, do := range map[string]func(*sftp.Client) error{
		"mkdir": func(c *sftp.Client) error { return c.Mkdir(dir + "/d") }, "create": func(c *sftp.Client) error { _, err := c.Create(dir + "/f"); return err },
		"stat": func(c *sftp.Client) error { _, err := c.Stat(dir); return err },
	} {
		b := newBench(t, both(), dir)
		c := b.client()
		b.mu.Lock()
		b.broken = errors.New("the disk is full")
		b.mu.Unlock()
		if err := do(c); err == nil {
			t.Errorf("%s: it was done", what)
		}
	}
	if got := must(os.ReadDir(dir))(t); len(got) > 0 {
		t.Errorf("there is %v", got)
	}
}

func TestWhatTheEndCutIsTold(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, both(), dir)
	c := b.client()
	f := must(c.Create(dir + "/a"))(t)
	must(f.Write([]byte("half")))(t)
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if got := b.last(); got[len(got)-1] != "put "+dir+"/a 4 "+sum([]byte("half"))[:8]+" cut" {
		t.Errorf("got %q", got)
	}
	if _, err := f.Write([]byte("more")); err == nil {
		t.Error("something was written after the end")
	}
}
