package sftp

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func timeZero() time.Time { return time.Time{} }

func packets(all ...request) (b []byte) {
	b = framed([]byte{fxInit, 0, 0, 0, 3})
	for i, q := range all {
		q.id = uint32(i + 1)
		b = append(b, q.packet()...)
	}
	return b
}

func some() []byte {
	return packets(
		request{kind: fxOpen, path: "/a", flags: openRead}, request{kind: fxRealpath, path: "."}, request{kind: fxMkdir, path: "/d", attrs: attrs{flags: attrMode, mode: 0o755}},
		request{kind: fxExtended, ext: extRename, path: "/a", to: "/b"}, request{kind: fxExtended, ext: "odd@x"}, request{kind: fxSymlink, path: "/l", to: "x"}, request{kind: fxRead, handle: "h", length: 10},
	)
}

func answers() (b []byte) {
	b = framed(appendText(appendText([]byte{fxVersion, 0, 0, 0, 3}, extStatvfs), "2"))
	b = append(b, framed(appendText([]byte{fxHandle, 0, 0, 0, 1}, "h"))...)
	for id := range uint32(3) {
		b = append(b, statusPacket(id+3, fxOK, "")...)
	}
	return b
}

func FuzzRequest(f *testing.F) {
	for b := some()[9:]; len(b) > 4; {
		n := int(b[3]) + 4
		f.Add(b[4:n])
		b = b[n:]
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		q, _, known, err := parse(p)
		if err == nil && known && !bytes.Equal(q.packet()[4:], p) {
			t.Errorf("%x became %x", p, q.packet()[4:])
		}
	})
}

// heard is all that a guard makes of what both ends say, cut as the reader cuts it.
func heard(cut func(io.Reader) io.Reader, client, server []byte) (all []string) {
	var toClient, toServer bytes.Buffer
	var ops []string
	c := both()
	c.Record = func(o Op) error {
		ops = append(ops, o.line())
		return nil
	}
	c.Words, c.Odd, c.Now = func(Reason) string { return "no" }, func(string, Reason) {}, func() time.Time { return time.Time{} }
	g := New(c, &toClient, &toServer)
	rerr := g.Requests(cut(bytes.NewReader(client)))
	perr := g.Replies(cut(bytes.NewReader(server)))
	ferr := g.Finish()
	return append(ops, toClient.String(), toServer.String(), errText(rerr), errText(perr), errText(ferr))
}

func whole(r io.Reader) io.Reader { return r }

func FuzzGuard(f *testing.F) {
	f.Add(some(), answers())
	f.Fuzz(func(t *testing.T, client, server []byte) {
		if len(client) > 4<<10 || len(server) > 4<<10 {
			return
		}
		want := heard(whole, client, server)
		for _, cut := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
			if diff := cmp.Diff(want, heard(cut, client, server)); diff != "" {
				t.Errorf("cut otherwise (-whole +cut)\n%s", diff)
			}
		}
	})
}

// copied is all that a Copy makes of what both ends say.
func overheard(t testing.TB, aside bool, cut func(io.Reader) io.Reader, source, sink []byte) []string {
	c := newCopied(t, Config{Get: &Bounds{MaxFile: 1000}}, "scp -r -f /srv/*", aside, nil, nil)
	c.Now = func() time.Time { return time.Time{} }
	done := make(chan error)
	go func() { done <- c.Requests(cut(bytes.NewReader(sink))) }()
	perr := c.Replies(cut(bytes.NewReader(source)))
	rerr := <-done
	return append(c.lines("\x00"), c.client.String(), strings.ReplaceAll(c.server.String(), "\x01lockbox: no\n", ""), errText(rerr), errText(perr), errText(c.Finish()))
}

func FuzzCopy(f *testing.F) {
	f.Add([]byte("D0755 0 a\nT1 0 1 0\nC0644 3 b\nxyz\x00E\n"), make([]byte, 9), false)
	f.Add([]byte("C0644 3000 b\nC0644 0 c\n\x00\x01oops\n"), []byte("\x00\x01no\n\x00\x00"), true)
	f.Fuzz(func(t *testing.T, source, sink []byte, aside bool) {
		if aside { // nothing is lost, whatever it is
			c := newCopied(t, both(), "scp -r -f /srv/*", true, nil, nil)
			done := make(chan error)
			go func() { done <- c.Requests(bytes.NewReader(sink)) }()
			perr := c.Replies(bytes.NewReader(source))
			rerr := <-done
			if perr != nil || rerr != nil || c.Finish() != nil || c.server.String() != string(sink) || c.client.String() != string(source) {
				t.Errorf("got %v, %v, %q, %q", perr, rerr, c.client.String(), c.server.String())
			}
			return
		}
		want := overheard(t, aside, whole, source, sink)
		for _, cut := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader} {
			if diff := cmp.Diff(want, overheard(t, aside, cut, source, sink)); diff != "" {
				t.Errorf("cut otherwise (-whole +cut)\n%s", diff)
			}
		}
	})
}
