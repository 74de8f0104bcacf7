package sftp

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// reply takes one packet of the server.
func (g *Guard) reply(p []byte) (keep bool, err error) {
	if p[0] == fxVersion {
		return false, g.welcomes(p)
	}
	c := cursor{p: p[1:]}
	id := c.u32()
	g.mu.Lock()
	w := g.pending[id]
	g.mu.Unlock()
	switch {
	case c.bad || w == nil:
		return false, fmt.Errorf("an answer to nothing: %w", ErrBroken)
	case !w.takes(p[0]):
		return false, fmt.Errorf("answer %d to %s: %w", p[0], w.op.Op, ErrBroken)
	case w.answer != nil:
		g.drop(w)
		w.answer <- slices.Clone(p)
		return false, nil
	}
	keep, err = g.came(w, p[0], &c)
	if err == nil {
		err = g.done(w)
	}
	return keep, err
}

// takes says whether such a packet answers a request.
func (w *pending) takes(kind byte) bool {
	want := byte(fxStatus)
	switch w.kind {
	case fxOpen, fxOpendir:
		want = fxHandle
	case fxRead:
		want = fxData
	case fxReaddir, fxRealpath, fxReadlink:
		want = fxName
	case fxStat, fxLstat, fxFstat:
		want = fxAttrs
	case fxExtended:
		switch w.ext {
		case extStatvfs, extFstatvfs, extLimits, extUsers:
			want = fxReply
		case extExpand, extHome:
			want = fxName
		}
	}
	return kind == want || kind == fxStatus
}

// came records what a request came to, and says whether the client is told as the server did.
func (g *Guard) came(w *pending, kind byte, c *cursor) (keep bool, err error) {
	w.op.Ms = g.since(w.began)
	switch kind {
	case fxData:
		return g.data(w, c)
	case fxHandle:
		return true, g.opened(w, c)
	case fxStatus:
		return true, g.status(w, c.u32())
	case fxReply:
		if w.ext == extLimits {
			clamp(c.p)
		}
	}
	switch w.op.Op {
	case "stat", "lstat", "statvfs", "readlink":
		return true, g.result(w, OK)
	}
	return true, nil
}

func (g *Guard) since(t time.Time) int64 { return g.Now().Sub(t).Milliseconds() }

// data takes a piece of a file that is read.
func (g *Guard) data(w *pending, c *cursor) (keep bool, err error) {
	b := c.bytes()
	if c.bad || len(c.p) > 0 || uint64(len(b)) > w.length {
		return false, fmt.Errorf("data: %w", ErrBroken)
	}
	if g.Get.tooLong(w.offset, uint64(len(b))) {
		w.file.fail(g, Refused)
		return false, g.refuse(w, TooLarge)
	}
	return true, g.move(w.file, false, w.offset, b)
}

// move takes bytes of a file before they pass.
func (g *Guard) move(f *file, put bool, at uint64, b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.finished {
		return errGone
	}
	p, op := &f.out, "get"
	if put {
		p, op = &f.in, "put"
	}
	if p.sink == nil && g.Keep != nil {
		sink, err := g.Keep(Op{N: f.op.N, Op: op, Path: f.op.Path})
		if err != nil {
			return err
		}
		p.sink = sink
	}
	if p.sink != nil {
		if err := p.sink.Take(b); err != nil {
			return err
		}
	}
	p.take(at, b)
	return nil
}

// part notes that the file holds what did not pass.
func (f *file) part() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.in.part = true
}

func (f *file) fail(g *Guard, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f != nil && f.failed == "" {
		f.failed = why
	}
}

// opened takes the handle of what was opened.
func (g *Guard) opened(w *pending, c *cursor) error {
	h := c.text(handleMost)
	if c.bad || len(c.p) > 0 {
		return fmt.Errorf("a handle: %w", ErrBroken)
	}
	f := &file{op: w.op, dir: w.kind == fxOpendir, began: w.began}
	if need := w.need(); !f.dir {
		f.get, f.put = need == needGet || need == needBoth, need == needPut || need == needBoth
		f.in.part = w.flags&openAppend != 0 || w.flags&(openTrunc|openExcl) == 0
	}
	g.mu.Lock()
	twice := g.files[h] != nil || h == ""
	if !twice { // else what is open already would not be told of
		g.files[h] = f
	}
	g.mu.Unlock()
	switch {
	case twice:
		return fmt.Errorf("a handle comes twice: %w", ErrBroken)
	case f.dir:
		return g.result(w, OK)
	}
	w.told = true // when it is closed
	return nil
}

// status takes a status as an answer.
func (g *Guard) status(w *pending, code uint32) error {
	says := inWords(code)
	switch {
	case w.kind == fxRead && code == fxEOF:
	case w.kind == fxRead || w.kind == fxWrite:
		if code != fxOK {
			w.file.fail(g, says)
		}
	case w.kind == fxClose:
		if code != fxOK {
			w.file.fail(g, says)
		}
	case w.op.N > 0, w.op.Op == "list", w.op.Op == "stat", w.op.Op == "lstat", w.op.Op == "statvfs", w.op.Op == "readlink":
		return g.result(w, says)
	}
	return nil
}

func inWords(code uint32) string {
	switch code {
	case fxOK:
		return OK
	case fxEOF:
		return "end"
	case fxNoFile:
		return "no such file"
	case fxDenied:
		return "permission denied"
	case fxFailure:
		return "failure"
	case fxBadMessage:
		return "bad message"
	case fxUnsupported:
		return "unsupported"
	}
	return fmt.Sprintf("status %d", code)
}

// result records what a request came to.
func (g *Guard) result(w *pending, status string) error {
	if w.op.N == 0 {
		w.op.N = g.next()
	}
	w.told = true
	w.op.Status = status
	return g.Record(w.op)
}

// drop forgets a request.
func (g *Guard) drop(w *pending) (last *file) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.pending, w.id)
	g.held -= w.held
	g.less.Signal()
	if w.file == nil {
		return nil
	}
	if w.kind != fxClose {
		w.file.refs--
	}
	if w.file.closed && w.file.refs == 0 {
		return w.file
	}
	return nil
}

// done is drop, and records a file of which nothing more comes.
func (g *Guard) done(w *pending) error {
	if f := g.drop(w); f != nil {
		return g.finish(f, OK)
	}
	return nil
}

// finish records what passed of a file.
func (g *Guard) finish(f *file, status string) error {
	g.mu.Lock()
	if f.failed != "" {
		status = f.failed
	}
	g.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.finished || f.dir {
		return nil
	}
	f.finished = true
	ms := g.since(f.began)
	for _, p := range []struct {
		op string
		is bool
		*pass
	}{{"get", f.get && (f.out.bytes > 0 || !f.put), &f.out}, {"put", f.put, &f.in}} {
		if !p.is {
			continue
		}
		o := Op{N: f.op.N, Op: p.op, Path: f.op.Path, Status: status, Ms: ms}
		p.tell(&o)
		if err := g.Record(o); err != nil {
			return err
		}
		if p.sink != nil {
			if err := p.sink.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Finish records what was under way when the connection ended.
func (g *Guard) Finish() error {
	g.mu.Lock()
	g.over = true
	files := map[*file]bool{}
	var open []*pending
	for _, f := range g.files {
		files[f] = true
	}
	for _, w := range g.pending {
		if w.file != nil {
			files[w.file] = true
		}
		if w.op.N > 0 && !w.told {
			open = append(open, w)
		}
	}
	g.mu.Unlock()
	slices.SortFunc(open, func(a, b *pending) int { return int(a.op.N) - int(b.op.N) })
	for _, w := range open {
		if err := g.result(w, Cut); err != nil {
			return err
		}
	}
	var all []*file
	for f := range files {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *file) int { return int(a.op.N) - int(b.op.N) })
	for _, f := range all {
		if err := g.finish(f, Cut); err != nil {
			return err
		}
	}
	return nil
}

// welcomes passes on what of the server's version is understood here.
func (g *Guard) welcomes(p []byte) error {
	g.mu.Lock()
	asked := g.welcome == 1
	g.welcome = 2
	g.mu.Unlock()
	c := cursor{p: p[1:]}
	if v := c.u32(); !asked || v != 3 || c.bad {
		return fmt.Errorf("the server's version: %w", ErrBroken)
	}
	known := extensions()
	b := []byte{fxVersion, 0, 0, 0, 3}
	for len(c.p) > 0 {
		name, data := c.text(packetMost), c.bytes()
		if c.bad {
			return fmt.Errorf("the server's extensions: %w", ErrBroken)
		}
		if _, ok := known[name]; ok && (name != extCopy || !g.Get.sized() && !g.Put.sized()) {
			b = appendText(appendText(b, name), data)
		}
	}
	_, err := g.tell(framed(b))
	return err
}

// clamp keeps the sizes that a server says it takes within what passes here.
func clamp(p []byte) {
	for i, most := range []uint64{packetMost - 1024, dataMost - 1024, dataMost - 1024} {
		if len(p) < 8*(i+1) {
			return
		}
		if at := p[8*i:]; binary.BigEndian.Uint64(at) > most || binary.BigEndian.Uint64(at) == 0 {
			binary.BigEndian.PutUint64(at, most)
		}
	}
}
