package sftp

import (
	"bufio"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrName: a far end sent a name that it was not asked for.
var ErrName = errors.New("a name that was not asked for")

// A Copy reads scp of the old protocol along. One end, the source, sends lines
// and contents; the other, the sink, answers each.
type Copy struct {
	Config
	cmd    Command
	aside  bool // it only listens: what it does not understand passes
	client io.Writer
	server io.Writer
	acks   chan ack
	gone   chan struct{} // closed when no answer comes any more
	once   sync.Once

	names []string // of directories, as the source has entered them
	full  string   // of the first of them
	times string   // of the next file
	n     uint64

	mu    sync.Mutex // guards the rest
	over  bool
	file  *Op // under way
	pass  pass
	begun time.Time
}

// An ack is what a sink answers: bad is its words where it does not agree.
type ack struct {
	fatal bool
	bad   string
}

// NewCopy begins.
func NewCopy(c Config, cmd Command, aside bool, client, server io.Writer) *Copy {
	return &Copy{Config: c, cmd: cmd, aside: aside, client: client, server: server, acks: make(chan ack), gone: make(chan struct{})}
}

// Requests passes on what the client says.
func (c *Copy) Requests(src io.Reader) error {
	if c.cmd.Put {
		return c.source(src, c.server)
	}
	return c.sink(src, c.server)
}

// Replies passes on what the server says.
func (c *Copy) Replies(src io.Reader) error {
	if c.cmd.Put {
		return c.sink(src, c.client)
	}
	return c.source(src, c.client)
}

// Finish records the file that was under way when the connection ended: of the
// source nothing more passes.
func (c *Copy) Finish() error {
	c.hush()
	err := c.done(Cut)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return err
}

func (c *Copy) hush() { c.once.Do(func() { close(c.gone) }) }

// source passes on lines and contents, until src ends.
func (c *Copy) source(src io.Reader, dst io.Writer) error {
	in := bufio.NewReaderSize(src, 64<<10)
	defer c.hush()
	err := c.lines(in, dst)
	if derr := c.done(Cut); err == io.EOF {
		err = derr
	}
	not := (*unread)(nil)
	if c.aside && (err == nil || errors.As(err, &not)) {
		return c.raw(dst, not.rest(), in)
	}
	return err
}

func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// lines reads what a source says.
func (c *Copy) lines(in *bufio.Reader, dst io.Writer) error {
	if _, err := c.answer(); err != nil {
		return err
	}
	for {
		line, err := readLine(in)
		if err != nil {
			return err
		}
		switch line[0] {
		case 1, 2:
			if err := c.message(dst, c.plain(line)); err != nil {
				return err
			}
		case 'C', 'D':
			err = c.named(in, dst, line)
		case 'E':
			if len(line) != 2 || len(c.names) == 0 {
				return broken(line, ErrBroken)
			}
			c.names = c.names[:len(c.names)-1]
			_, err = c.said(dst, line)
		case 'T':
			if c.times, err = timesIn(line); err == nil {
				_, err = c.said(dst, line)
			}
		default:
			return broken(line, ErrBroken)
		}
		if err != nil {
			return err
		}
	}
}

// message passes on what a source says aside, once it is recorded.
func (c *Copy) message(dst io.Writer, line []byte) error {
	c.n++
	if err := c.Record(Op{N: c.n, Op: "message", Status: message(line)}); err != nil {
		return err
	}
	_, err := dst.Write(line)
	return err
}

// plain is a message that does nothing to a terminal, of an end that is not
// only listened to.
func (c *Copy) plain(line []byte) []byte {
	if !c.aside {
		return plainLine(line)
	}
	return line
}

// said passes on a line, and waits for what the sink answers.
func (c *Copy) said(dst io.Writer, line []byte) (ack, error) {
	if _, err := dst.Write(line); err != nil {
		return ack{}, err
	}
	return c.answer()
}

// answer waits for what the sink says next.
func (c *Copy) answer() (a ack, err error) {
	select {
	case a = <-c.acks:
		if a.fatal {
			return a, io.EOF // both ends stop
		}
		return a, nil
	case <-c.gone:
		return a, io.EOF
	}
}

// named takes the line that begins a file or a directory: "C0644 12 name".
func (c *Copy) named(in *bufio.Reader, dst io.Writer, line []byte) error {
	mode, size, name, ok := parseNamed(line)
	if !ok {
		return broken(line, ErrBroken)
	}
	full, ok := c.mayName(name)
	if !ok {
		return broken(line, ErrName)
	}
	o := Op{Op: "get", Attrs: "mode " + mode}
	o.Path, o.Name = c.called(full, name)
	if c.times != "" {
		o.Attrs += ", " + c.times
		c.times = ""
	}
	if c.cmd.Put {
		o.Op = "put"
	}
	if line[0] == 'D' {
		o.Op = "list"
		if c.cmd.Put {
			o.Op = "mkdir"
		}
	}
	c.n++
	o.N = c.n
	c.begun = c.Now()
	if line[0] == 'C' && c.bounds().tooLong(0, uint64(size)) {
		return c.refuse(o)
	}
	o.Status = Asked
	if err := c.Record(o); err != nil {
		return err
	}
	a, err := c.said(dst, line)
	switch {
	case err != nil && a.bad == "":
		return err
	case a.bad != "":
		o.Status = shown(a.bad)
		if rerr := c.Record(o); rerr != nil {
			return rerr
		}
		return err
	case line[0] == 'D':
		if len(c.names) == 0 {
			c.full = full
		}
		c.names = append(c.names, name)
		o.Status = OK
		return c.Record(o)
	}
	if err := c.begin(o); err != nil {
		return err
	}
	return c.contents(in, dst, size)
}

// begin takes note of a file whose contents come now.
func (c *Copy) begin(o Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.file, c.pass = &o, pass{}
	if c.Keep == nil {
		return nil
	}
	sink, err := c.Keep(o)
	if err == nil {
		c.pass.sink = sink
	}
	return err
}

func (c *Copy) bounds() *Bounds {
	if c.cmd.Put {
		return c.Put
	}
	return c.Get
}

// mayName says whether a source may name this now, and what it is at the far end.
func (c *Copy) mayName(name string) (full string, ok bool) {
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '/' || r == 0x7f }) {
		return "", false
	}
	if len(c.names) >= depthMost {
		return "", false
	}
	if c.cmd.Put || len(c.names) > 0 {
		return c.full, true
	}
	var all []string // it is not said which of them it is
	for _, p := range c.cmd.Paths {
		if full, ok := p.sends(name); ok && !slices.Contains(all, full) {
			all = append(all, full)
		}
	}
	return strings.Join(all, " or "), len(all) > 0
}

// called is a path as it is told. Where a target writes what it is sent depends
// on whether the path is a directory there, which only scp -d says.
func (c *Copy) called(full, name string) (p, under string) {
	switch {
	case !c.cmd.Put && len(c.names) == 0:
		return shown(full), ""
	case !c.cmd.Put:
		return shown(path.Join(append([]string{full}, append(c.names[1:len(c.names):len(c.names)], name)...)...)), ""
	}
	under = path.Join(append(c.names[:len(c.names):len(c.names)], name)...)
	if strings.Contains(c.cmd.Flags, "d") {
		return shown(path.Join(c.cmd.Paths[0].Text, under)), ""
	}
	return shown(c.cmd.Paths[0].Text), shown(under)
}

// refuse says no to both ends, which then go on with the next file.
func (c *Copy) refuse(o Op) error {
	c.Odd("scp", TooLarge)
	o.Status, o.Why = Refused, c.Words(TooLarge)
	if err := c.Record(o); err != nil {
		return err
	}
	text := "\x01lockbox: " + c.Words(TooLarge) + "\n"
	_, err := io.WriteString(c.client, text) // as the answer of a sink, or the message of a source
	if err == nil && !c.cmd.Put {
		_, err = io.WriteString(c.server, text)
	}
	return err
}

// contents passes on the bytes of a file, and how both ends find it.
func (c *Copy) contents(in *bufio.Reader, dst io.Writer, size int64) error {
	buf := make([]byte, min(size, 64<<10))
	for at := int64(0); at < size; {
		n, err := in.Read(buf[:min(int64(len(buf)), size-at)])
		if n > 0 {
			if err := c.take(at, buf[:n]); err != nil {
				return err
			}
			at += int64(n)
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	b, err := in.ReadByte()
	if err != nil {
		return err
	}
	end, status := []byte{b}, OK
	if b != 0 {
		_ = in.UnreadByte() // it was read just now
		if end, err = readLine(in); err != nil {
			return err
		}
		if b > 2 {
			return broken(end, ErrBroken)
		}
		status = message(c.plain(end))
	}
	a, err := c.said(dst, end)
	if a.bad != "" {
		status = shown(a.bad)
	} else if err != nil {
		status = Cut
	}
	if derr := c.done(status); derr != nil {
		return derr
	}
	return err
}

// take takes bytes of the file before they pass.
func (c *Copy) take(at int64, b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return errGone
	}
	if c.pass.sink != nil {
		if err := c.pass.sink.Take(b); err != nil {
			return err
		}
	}
	c.pass.take(uint64(at), b)
	return nil
}

// done records what became of the file, if one is under way.
func (c *Copy) done(status string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	o, p := *c.file, c.pass
	c.file, c.pass = nil, pass{}
	o.Status, o.Ms = status, c.Now().Sub(c.begun).Milliseconds()
	p.tell(&o)
	if err := c.Record(o); err != nil {
		return err
	}
	if p.sink != nil {
		return p.sink.Close()
	}
	return nil
}
