package sftp

// What an operation needs: one of both, or each.
const (
	needAny = iota
	needGet
	needPut
	needBoth
)

// need is what a request needs, of those that name a path.
func (q request) need() int {
	switch q.kind {
	case fxOpen:
		reads := q.flags&openRead != 0 || q.flags&openWrite == 0
		switch writes := q.flags&^openRead != 0; {
		case reads && writes:
			return needBoth
		case writes:
			return needPut
		}
		return needGet
	case fxSetstat, fxFsetstat, fxRemove, fxMkdir, fxRmdir, fxRename, fxSymlink, fxWrite:
		return needPut
	case fxRead:
		return needGet
	case fxExtended:
		switch q.ext {
		case extRename, extHardlink, extLsetstat, extFsync:
			return needPut
		case extCopy:
			return needBoth
		}
	}
	return needAny
}

// may says why a request is refused that names no path, or whatever its path
// is; 0: it is not. It finds the file of a handle.
func (g *Guard) may(w *pending) Reason {
	need := w.need()
	switch {
	case g.Get == nil && (need == needGet || need == needBoth):
		return NoGet
	case g.Put == nil && (need == needPut || need == needBoth):
		return NoPut
	}
	if w.has("h") {
		return g.mayWith(w)
	}
	switch {
	case w.kind == fxOpen && w.flags&^openKnown != 0:
		return Unknown
	case w.kind == fxOpen && w.flags&openAppend != 0 && g.Put.sized():
		return NoAppend
	case w.attrs.flags&attrSize != 0 && g.Put.tooLong(0, w.attrs.size):
		return TooLarge
	case w.kind == fxSymlink && g.bounded():
		return NoLink
	case (w.kind == fxOpen || w.kind == fxOpendir) && g.full():
		return TooMany
	}
	return 0
}

// mayWith is may, of a request about a file that is open.
func (g *Guard) mayWith(w *pending) Reason {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.files[w.handle]
	if f == nil {
		return NoHandle
	}
	w.file = f
	w.op.Path = f.op.Path
	switch {
	case w.kind == fxRead && !f.get, w.kind == fxWrite && !f.put:
		return NoHandle
	case w.kind == fxRead && w.length > dataMost:
		w.length = dataMost // the answer is shorter anyway
	case w.kind == fxWrite && g.Put.tooLong(w.offset, uint64(len(w.data))), w.attrs.flags&attrSize != 0 && g.Put.tooLong(0, w.attrs.size):
		return TooLarge
	case w.ext == extCopy:
		into := g.files[w.into]
		if into == nil || !into.put || !f.get {
			return NoHandle
		}
		w.op.To = into.op.Path
		into.part()
		if g.Get.sized() || g.Put.sized() {
			return Unknown // it is not offered either
		}
	case (w.ext == extFsync || w.kind == fxFsetstat && g.bounded()) && !f.put:
		return NoHandle
	}
	return 0
}

// full says whether no more files may be open.
func (g *Guard) full() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, held := len(g.files), 0
	for _, f := range g.files {
		held += len(f.op.Path)
	}
	for _, w := range g.pending {
		if w.kind == fxOpen || w.kind == fxOpendir {
			n++
		}
	}
	return n >= openMost || held >= heldMost
}

// bounded says whether paths are.
func (g *Guard) bounded() bool { return g.Get.narrow() || g.Put.narrow() }

// reaches says whether a resolved path may be used for what a request needs.
// below: not the directory itself that a rule names.
func (g *Guard) reaches(need int, p string, below bool) bool {
	switch need {
	case needGet:
		return g.Get.holds(p, below)
	case needPut:
		return g.Put.holds(p, below)
	case needBoth:
		return g.Get.holds(p, below) && g.Put.holds(p, below)
	}
	return g.Get.holds(p, below) || g.Put.holds(p, below)
}
