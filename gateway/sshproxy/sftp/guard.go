package sftp

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A Config is what a Guard is made with.
type Config struct {
	Get, Put *Bounds                     // nil: it is not permitted
	Record   func(Op) error              // takes every operation, before it happens and after
	Keep     func(Op) (Sink, error)      // of a get or put, when its first byte passes; nil: contents are not kept
	Words    func(Reason) string         // what a person is told
	Odd      func(what string, r Reason) // hears of what is refused
	Now      func() time.Time
}

// A Sink keeps the contents of a file.
type Sink interface {
	Name() string
	Take(p []byte) error // before they pass
	Close() error
}

// A Reason is why something is refused.
type Reason int

// Reasons.
const (
	NoGet     Reason = iota + 1 // to read files is not permitted
	NoPut                       // to change anything is not
	Outside                     // the path is not among those of the rule
	TooLarge                    // the file is larger than the rule permits
	NoAppend                    // appending, where sizes are bounded
	NoLink                      // a symbolic link, where paths are bounded
	Unchecked                   // where the path leads cannot be found out
	Unknown                     // the operation is not known
	NoHandle                    // no such file is open, or not for this
	TooMany                     // files are open
	BadName                     // a far end of scp sent another name than it was asked for
)

// Bounds of one connection.
const (
	openMost    = 1024
	pendingMost = 1024
	heldMost    = 1 << 20 // bytes of names that are kept of requests, and of files that are open
)

// A Guard stands between one client and one server. Requests and Replies run
// beside each other; Finish comes after both, or after Replies.
type Guard struct {
	Config
	client  io.Writer // locked by say
	say     sync.Mutex
	server  *stream // of requests
	greeted bool    // the client has begun; of Requests
	owned   uint32  // id of the last question of ours; likewise
	gone    chan struct{}

	mu      sync.Mutex // guards the rest
	less    *sync.Cond // something was answered
	welcome int        // 1: asked, 2: answered
	pending map[uint32]*pending
	files   map[string]*file // by handle
	held    int              // bytes of names in pending
	n       uint64
	over    bool
}

// A pending request is not answered yet.
type pending struct {
	request
	fields string // of its form
	op     Op
	file   *file
	told   bool        // it is recorded what it came to
	answer chan []byte // of who waits for it: nil for the client
	began  time.Time
	held   int
}

func (w *pending) has(field string) bool { return strings.Contains(w.fields, field) }

// A file is one that is open, or a directory.
type file struct {
	op       Op // of the open
	get, put bool
	dir      bool
	refs     int // requests under way
	closed   bool
	failed   string // status of what went wrong
	in, out  pass
	mu       sync.Mutex // guards in and out
	began    time.Time
	finished bool
}

// New begins; what is passed on goes to client and server.
func New(c Config, client, server io.Writer) *Guard {
	g := &Guard{Config: c, client: client, gone: make(chan struct{}), pending: map[uint32]*pending{}, files: map[string]*file{}, owned: 0xf000_0000}
	g.less = sync.NewCond(&g.mu)
	g.server = &stream{dst: server}
	return g
}

// Requests passes on what the client asks, until src ends.
func (g *Guard) Requests(src io.Reader) error {
	g.server.src = src
	return g.server.each(g.ask)
}

// Replies passes on what the server answers, until src ends.
func (g *Guard) Replies(src io.Reader) error {
	s := &stream{src: src, dst: writer(g.tell)}
	err := s.each(g.reply)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	close(g.gone)
	g.less.Broadcast()
	return err
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// tell writes whole packets to the client.
func (g *Guard) tell(p []byte) (int, error) {
	g.say.Lock()
	defer g.say.Unlock()
	return g.client.Write(p)
}

var errGone = errors.New("the server is gone")

// ask takes one packet of the client.
func (g *Guard) ask(p []byte) (keep bool, err error) {
	if !g.greeted {
		return false, g.greet(p)
	}
	q, f, known, err := parse(p)
	switch {
	case err != nil:
		return false, fmt.Errorf("a request: %w", err)
	case !g.free(q.id):
		return false, fmt.Errorf("request %d comes twice: %w", q.id, ErrBroken)
	case !known:
		g.Odd(oddName(q), Unknown)
		return false, g.no(q, Op{Op: oddName(q)}, Unknown)
	}
	w := &pending{request: q, fields: f.fields, op: Op{Op: f.op, Path: shown(q.path), To: shown(q.to), Attrs: q.attrs.String()}, began: g.Now()}
	if r := g.may(w); r != 0 {
		return false, g.refuse(w, r)
	}
	if g.bounded() && w.has("p") {
		return false, g.within(w)
	}
	return g.pass(w)
}

func oddName(q request) string {
	if q.kind == fxExtended {
		return "sftp " + shown(q.ext)
	}
	return fmt.Sprintf("sftp %d", q.kind)
}

// greet takes what a client says first. It gets version 3, whatever else it knows.
func (g *Guard) greet(p []byte) error {
	c := cursor{p: p[1:]}
	if v := c.u32(); p[0] != fxInit || c.bad || v < 3 {
		return fmt.Errorf("the beginning: %w", ErrBroken)
	}
	g.greeted = true
	g.mu.Lock()
	g.welcome = 1
	g.mu.Unlock()
	_, err := g.server.dst.Write(framed([]byte{fxInit, 0, 0, 0, 3}))
	return err
}

// free waits until there is room for one more request, and says whether its id is not in use.
func (g *Guard) free(id uint32) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	much := func() bool { return (len(g.pending) >= pendingMost || g.held >= heldMost) && !g.over }
	for much() {
		g.mu.Unlock()
		err := g.server.flush()
		g.mu.Lock()
		if err != nil {
			return true // told by the next write
		}
		if much() {
			g.less.Wait()
		}
	}
	return g.pending[id] == nil
}

// refuse answers in place of the server.
func (g *Guard) refuse(w *pending, r Reason) error {
	g.Odd("sftp "+w.op.Op, r)
	return g.no(w.request, w.op, r)
}

func (g *Guard) no(q request, op Op, r Reason) error {
	if op.N == 0 {
		op.N = g.next()
	}
	op.Status, op.Why = Refused, g.Words(r)
	if err := g.Record(op); err != nil {
		return err
	}
	code := uint32(fxDenied)
	switch r {
	case Unknown:
		code = fxUnsupported
	case NoHandle, TooMany:
		code = fxFailure
	}
	_, err := g.tell(statusPacket(q.id, code, "lockbox: "+g.Words(r)))
	return err
}

func (g *Guard) next() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	return g.n
}

// pass records a request and says that it is to be passed on as it came.
func (g *Guard) pass(w *pending) (bool, error) {
	if err := g.before(w); err != nil {
		return false, err
	}
	if w.kind == fxOpen && w.flags&^openRead == 0 && w.attrs.flags != 0 { // attributes of what is only read mean nothing
		w.attrs = attrs{}
		return false, g.send(w)
	}
	g.expect(w)
	return true, nil
}

// send passes on a request as it was changed.
func (g *Guard) send(w *pending) error {
	if err := g.server.flush(); err != nil {
		return err
	}
	g.expect(w)
	_, err := g.server.dst.Write(w.packet())
	return err
}

// expect waits for an answer.
func (g *Guard) expect(w *pending) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.data, w.names = nil, [2]string{} // they are passed on as they came
	w.held = len(w.path) + len(w.to) + len(w.op.Path) + len(w.op.To)
	g.held += w.held
	g.pending[w.id] = w
}
