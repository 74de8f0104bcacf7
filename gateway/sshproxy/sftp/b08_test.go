package sftp

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// What is between quotes stays between quotes, whatever it is.
func TestB08AShellMakesOfAPathWhatWasMeant(t *testing.T) {
	for _, line := range []string{
		`scp -f "x';echo PWNED;'"`, `scp -f "'\$'"`, `scp -t "';id;'"`, `scp -f \'\;id\;\'`, `scp -f "a'b' c''d"`, `scp -f "''"`, `scp -t "' '"`, `scp -f '"'"'"'\$(id)'`,
		`scp -f "'' ' '' ;id"`, `scp -t \;\'\;`, `scp -f "~'~'"`, `scp -f -- "-'-;'"`,
	} {
		c, ok := ParseCommand(line)
		if !ok {
			t.Errorf("%s: it is not read", line)
			continue
		}
		words := shellWords(t, c.String())
		if got, want := words[len(words)-1], c.Paths[0].Text; got != want || !slices.Contains([]int{2, 3}, len(words)) {
			t.Errorf("%s became %s: a shell makes %q of it, want %q", line, c.String(), words, want)
		}
	}
}

// OpenSSH takes what follows 2047 bytes of a message for the next line.
func TestB08AFileDoesNotHideInALongMessage(t *testing.T) {
	hidden := "\x01" + strings.Repeat("x", 2046) + "C0644 8 hidden\n" + "\x01secret\n" + "\x01\n"
	c := newCopied(t, both(), "scp -t /srv", false, nil, nil)
	in, out := io.Pipe()
	go func() { _ = c.Replies(in) }()
	go func() { _, _ = out.Write(make([]byte, 3)) }()
	err := c.Requests(strings.NewReader(hidden))
	_ = in.Close()
	if err == nil || strings.Contains(c.server.String(), "hidden") {
		t.Errorf("got %v, and %d bytes passed", err, c.server.Len())
	}
}

// Who refuses a file without a word gets the next one, and not its contents:
// what comes is not that file.
func TestB08ARefusalWithoutWordsIsOne(t *testing.T) {
	for says, status := range map[string]string{"\x01\n": "an error", "\x01 ok \n": "it says: ok", "\x01refused\n": "it says: refused", "\x01no\n": "no"} {
		c := newCopied(t, both(), "scp -f /srv/a /srv/b", false, nil, nil)
		in, out := io.Pipe()
		go func() { _ = c.Requests(in) }()
		go func() { _, _ = out.Write([]byte("\x00" + says + "\x00\x00")) }()
		if err := c.Replies(strings.NewReader("C0644 12 a\nC0644 1 b\nx\x00")); err != nil {
			t.Fatalf("%q: %v", says, err)
		}
		_ = in.Close()
		want := []string{"get /srv/a " + status, "get /srv/b 1 " + sum([]byte("x"))[:8] + " ok"}
		if diff := cmp.Diff(want, c.lines("\x00")); diff != "" {
			t.Errorf("%q (-want +got)\n%s", says, diff)
		}
	}
}

// Of two paths with the same last name it is not said which is sent.
func TestB08TheRecordDoesNotNameAnotherFile(t *testing.T) {
	c := newCopied(t, both(), "scp -f /srv/export/shadow /etc/shadow", false, nil, nil)
	in, out := io.Pipe()
	go func() { _ = c.Requests(in) }()
	go func() { _, _ = out.Write(make([]byte, 3)) }()
	if err := c.Replies(strings.NewReader("\x01scp: no such file\nC0644 1 shadow\nx\x00")); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	want := []string{"message  scp: no such file", "get /srv/export/shadow or /etc/shadow 1 " + sum([]byte("x"))[:8] + " ok"}
	if diff := cmp.Diff(want, c.lines("\x00")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A target that gives one handle twice does not make a file forgotten.
func TestB07AFileIsToldOfWhateverHandleComesNext(t *testing.T) {
	handle := func(id uint32) []byte {
		return framed(appendText(binary.BigEndian.AppendUint32([]byte{fxHandle}, id), "h"))
	}
	var ops []string
	c := both()
	c.Record = func(o Op) error {
		ops = append(ops, o.line())
		return nil
	}
	c.Words, c.Odd, c.Now = func(Reason) string { return "" }, func(string, Reason) {}, timeZero
	var out, in bytes.Buffer
	g := New(c, &out, &in)
	answers := slices.Concat(framed([]byte{fxVersion, 0, 0, 0, 3}), handle(1))
	open := request{kind: fxOpen, path: "/a", flags: openWrite | openCreate | openTrunc}
	clientIn, clientOut := io.Pipe()
	serverIn, serverOut := io.Pipe()
	asked, told := make(chan error, 1), make(chan error, 1)
	go func() { asked <- g.Requests(clientIn) }()
	go func() { told <- g.Replies(serverIn) }()
	first := packets(open)
	open.id, open.path = 3, "/b"
	write := request{kind: fxWrite, id: 2, handle: "h", data: []byte("secret")}
	next := slices.Concat(write.packet(), open.packet())
	last := slices.Concat(statusPacket(2, fxOK, ""), handle(3))
	_, _ = clientOut.Write(first)
	_, _ = clientOut.Write(next[:1]) // who reads it has done with the first
	_, _ = serverOut.Write(answers)
	_, _ = serverOut.Write(last[:1]) // likewise
	_, _ = clientOut.Write(next[1:])
	_ = clientOut.Close()
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = serverOut.Write(last[1:]) }()
	if err := <-told; err == nil {
		t.Error("it is not cut")
	}
	_ = serverIn.Close()
	if err := g.Finish(); err != nil {
		t.Fatal(err)
	}
	if want := "put /a 6 " + sum([]byte("secret"))[:8] + " cut"; !slices.Contains(ops, want) {
		t.Errorf("got %q, want %q in it", ops, want)
	}
}

// What is appended to a file, or put over a part of it, is not the file.
func TestB07WhatIsAddedToAFileIsTold(t *testing.T) {
	dir := t.TempDir()
	for flags, partial := range map[int]bool{os.O_WRONLY | os.O_APPEND: true, os.O_WRONLY: true, os.O_WRONLY | os.O_TRUNC: false} {
		if err := os.WriteFile(filepath.Join(dir, "a"), []byte("what was there"), 0o600); err != nil {
			t.Fatal(err)
		}
		b := newBench(t, both(), dir)
		f := must(b.client().OpenFile(filepath.Join(dir, "a"), flags))(t)
		must(f.Write([]byte("more")))(t)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		b.mu.Lock()
		all := slices.DeleteFunc(slices.Clone(b.ops), func(o Op) bool { return o.Op != "put" })
		b.mu.Unlock()
		if len(all) != 1 || all[0].Partial != partial {
			t.Errorf("flags %x: got %+v", flags, all)
		}
	}
}

// A client that does not read keeps no more in memory than there may be.
func TestB07AClientThatDoesNotReadHoldsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := both()
		c.Record, c.Words, c.Odd, c.Now = func(Op) error { return nil }, func(Reason) string { return "" }, func(string, Reason) {}, timeZero
		g := New(c, io.Discard, io.Discard)
		var all []request
		for range 400 {
			all = append(all, request{kind: fxRename, path: strings.Repeat("\xff", pathMost), to: strings.Repeat("\xff", pathMost)}, request{kind: fxExtended, ext: extHome, names: [2]string{strings.Repeat("x", 1000)}})
		}
		asked := make(chan error, 1)
		go func() { asked <- g.Requests(bytes.NewReader(packets(all...))) }()
		synctest.Wait() // until it waits for answers
		g.mu.Lock()
		held := 0
		for _, w := range g.pending {
			held += len(w.op.Path) + len(w.op.To) + len(w.path) + len(w.to) + len(w.names[0])
		}
		g.mu.Unlock()
		if held > heldMost+64<<10 {
			t.Errorf("%d bytes are kept", held)
		}
		_ = g.Replies(strings.NewReader("")) // whoever waits goes on when the server is gone
		<-asked
	})
}
