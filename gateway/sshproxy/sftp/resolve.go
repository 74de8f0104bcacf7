package sftp

import (
	"encoding/binary"
	"path"
	"strings"
)

// A reply of the server to a question of ours.
type answer []byte

func (a answer) status() uint32 {
	c := cursor{p: a[5:]}
	return c.u32()
}

// name is the only name in a reply; "" where it is none that is absolute and plain.
func (a answer) name() string {
	if a[0] != fxName {
		return ""
	}
	c := cursor{p: a[5:]}
	if n := c.u32(); n != 1 {
		return ""
	}
	p := c.text(pathMost)
	if c.bad || !strings.HasPrefix(p, "/") || path.Clean(p) != p {
		return ""
	}
	return p
}

// question asks the server something that the client does not hear of.
func (g *Guard) question(all ...request) (answers []answer, err error) {
	if err := g.server.flush(); err != nil {
		return nil, err
	}
	var waits []*pending
	var b []byte
	for _, q := range all {
		if q.id == 0 {
			q.id = g.ownID()
		}
		w := &pending{request: q, answer: make(chan []byte, 1), told: true}
		waits = append(waits, w)
		g.expect(w)
		b = append(b, q.packet()...)
	}
	if _, err := g.server.dst.Write(b); err != nil {
		return nil, err
	}
	for _, w := range waits {
		a, err := g.wait(w)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (g *Guard) wait(w *pending) (answer, error) {
	select {
	case a := <-w.answer:
		return a, nil
	case <-g.gone:
		return nil, errGone
	}
}

// ownID is one that no request has that is under way.
func (g *Guard) ownID() uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.owned++; g.owned == 0 || g.pending[g.owned] != nil; {
		g.owned++
	}
	return g.owned
}

// A verdict is why a request with paths is not passed on: for a reason of ours,
// or with what the server said. The zero: it is.
type verdict struct {
	reason Reason
	said   uint32
}

func (v verdict) no() bool { return v != verdict{} }

// within passes on a request whose paths are bounded, with the paths as the
// server resolves them.
func (g *Guard) within(w *pending) error {
	if w.op.Op == "realpath" {
		return g.where(w)
	}
	v, err := g.resolve(w)
	switch {
	case err != nil:
		return err
	case v.reason != 0:
		return g.refuse(w, v.reason)
	case v.no():
		w.op.N = g.next()
		if err := g.result(w, inWords(v.said)); err != nil {
			return err
		}
		_, err := g.tell(statusPacket(w.id, v.said, inWords(v.said)))
		return err
	}
	w.op.Path, w.op.To = shown(w.path), shown(w.to)
	if err := g.before(w); err != nil {
		return err
	}
	if w.kind == fxOpen {
		return g.open(w)
	}
	return g.send(w)
}

// resolve puts resolved paths in place of those of a request, if it may use them.
func (g *Guard) resolve(w *pending) (v verdict, err error) {
	switch need, op := w.need(), w.op.Op; op {
	case "open", "list", "stat", "statvfs":
		w.path, v, err = g.follow(w.path, w.kind == fxOpen && w.flags&openCreate != 0)
		return g.check(v, need, w.path, op == "stat"), err
	case "rename", "hardlink":
		if w.to, v, err = g.place(w.to, false); err != nil || v.no() {
			return v, err
		}
		if v = g.check(v, need, w.to, false); v.no() {
			return v, nil
		}
		w.path, v, err = g.place(w.path, true)
		return g.check(v, need, w.path, false), err
	case "setstat":
		if w.ext == "" {
			w.path, v, err = g.follow(w.path, false)
			return g.check(v, need, w.path, false), err
		}
		fallthrough
	default: // what is done to a name itself
		w.path, v, err = g.place(w.path, false)
		return g.check(v, need, w.path, op == "lstat"), err
	}
}

// check holds a resolved path against the rule.
func (g *Guard) check(v verdict, need int, p string, onTheWay bool) verdict {
	switch {
	case v.no():
		return v
	case g.reaches(need, p, need != needAny), onTheWay && (g.Get.leads(p) || g.Put.leads(p)):
		return verdict{}
	}
	return verdict{reason: Outside}
}

// follow is where a path leads; with create its last name need not exist.
func (g *Guard) follow(p string, create bool) (string, verdict, error) {
	a, err := g.question(request{kind: fxRealpath, path: p})
	if err != nil {
		return p, verdict{}, err
	}
	to := a[0].name()
	switch {
	case to == "" && a[0][0] == fxStatus && create && a[0].status() == fxNoFile:
		return g.place(p, true)
	case to == "" && a[0][0] == fxStatus:
		return p, g.failed(p, a[0].status()), nil
	case to == "":
		return p, verdict{reason: Unchecked}, nil
	}
	v, err := g.plain(to, true)
	return to, v, err
}

// place is the directory that a path leads to, and the name in it. whole asks
// that the name is no symbolic link either.
func (g *Guard) place(p string, whole bool) (string, verdict, error) {
	dir, name, ok := split(p)
	if !ok {
		return g.follow(p, false)
	}
	at, v, err := g.follow(dir, false)
	if err != nil || v.no() {
		return p, v, err
	}
	at = path.Join(at, name)
	if whole {
		v, err = g.plain(at, true)
	}
	return at, v, err
}

// failed is what a client hears of a path that the server cannot resolve.
func (g *Guard) failed(p string, code uint32) verdict {
	if p = path.Clean(p); strings.HasPrefix(p, "/") && !g.reaches(needAny, p, false) && !g.Get.leads(p) && !g.Put.leads(p) {
		return verdict{reason: Outside}
	}
	if code == fxOK {
		return verdict{reason: Unchecked}
	}
	return verdict{said: code}
}

const depthMost = 64 // names in a path

// plain makes sure that no part of a path is a symbolic link: some servers
// call a path real that they only shortened. What does not exist is none.
func (g *Guard) plain(p string, last bool) (verdict, error) {
	var all []request
	for at := 1; at < len(p); {
		n := strings.IndexByte(p[at:], '/')
		if n < 0 {
			n = len(p) - at
		}
		at += n + 1
		all = append(all, request{kind: fxLstat, path: p[:at-1]})
	}
	if len(all) > depthMost {
		return verdict{reason: Unchecked}, nil
	}
	if len(all) == 0 {
		return verdict{}, nil
	}
	answers, err := g.question(all...)
	if err != nil {
		return verdict{}, err
	}
	for i, a := range answers {
		if a[0] == fxStatus && a.status() == fxNoFile && i == len(answers)-1 && last {
			continue
		}
		c := cursor{p: a[5:]}
		if at := c.attrs(); a[0] != fxAttrs || c.bad || at.flags&attrMode == 0 || at.mode&0o170000 == 0o120000 {
			return verdict{reason: Unchecked}, nil
		}
	}
	return verdict{}, nil
}

// where answers a question for the real path: it is told of what the rule lists,
// of what is on the way there, and of where the person begins.
func (g *Guard) where(w *pending) error {
	home := w.path == "." || w.path == "" || w.path == "~"
	q := w.request
	q.id = 0
	answers, err := g.question(q)
	if err != nil {
		return err
	}
	a := answers[0]
	switch to := a.name(); {
	case a[0] == fxStatus:
		if v := g.failed(w.path, a.status()); v.reason != 0 {
			return g.refuse(w, v.reason)
		}
	case to == "":
		return g.refuse(w, Unchecked)
	case !home && !g.reaches(needAny, to, false) && !g.Get.leads(to) && !g.Put.leads(to):
		return g.refuse(w, Outside)
	}
	binary.BigEndian.PutUint32(a[1:], w.id)
	_, err = g.tell(framed(a))
	return err
}

// open opens a file, and lets the client have it if it is still where the path
// led before.
func (g *Guard) open(w *pending) error {
	if w.flags&^openRead == 0 {
		w.attrs = attrs{}
	}
	if err := g.server.flush(); err != nil {
		return err
	}
	w.answer = make(chan []byte, 1)
	g.expect(w)
	if _, err := g.server.dst.Write(w.packet()); err != nil {
		return err
	}
	a, err := g.wait(w)
	if err != nil {
		return err
	}
	w.op.Ms = g.since(w.began)
	c := cursor{p: a[5:]}
	if a[0] == fxStatus {
		if err := g.result(w, inWords(c.u32())); err != nil {
			return err
		}
		_, err = g.tell(framed(a))
		return err
	}
	now, v, err := g.follow(w.path, false)
	if err != nil {
		return err
	}
	if v.no() || now != w.path {
		if _, err := g.question(request{kind: fxClose, handle: handleIn(a)}); err != nil {
			return err
		}
		return g.refuse(w, Unchecked)
	}
	if err := g.opened(w, &c); err != nil {
		return err
	}
	_, err = g.tell(framed(a))
	return err
}

func handleIn(a answer) string {
	c := cursor{p: a[5:]}
	return c.text(handleMost)
}
