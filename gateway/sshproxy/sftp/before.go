package sftp

// before records what a request is about to do, and takes note of the files
// that it uses.
func (g *Guard) before(w *pending) error {
	if err := g.use(w); err != nil {
		return err
	}
	switch w.kind {
	case fxWrite:
		return g.move(w.file, true, w.offset, w.data)
	case fxRead, fxClose:
		return nil
	}
	need := w.need()
	if w.kind != fxOpen && (need == needAny || w.ext == extFsync) {
		return nil
	}
	if w.kind == fxOpen {
		w.op.Read, w.op.Write = need != needPut, need != needGet
	}
	w.op.N, w.op.Status = g.next(), Asked
	return g.Record(w.op)
}

// use counts a request in.
func (g *Guard) use(w *pending) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.over:
		return errGone
	case w.file == nil:
	case w.kind == fxClose:
		w.file.closed = true
		delete(g.files, w.handle)
	default:
		w.file.refs++
	}
	return nil
}
