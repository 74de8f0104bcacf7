package sshproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"lockbox/gateway"
	"lockbox/gateway/sshproxy/sftp"
	"lockbox/policy"
	"lockbox/recorder"
)

// files is what reads a program's streams along that moves files: sftp, or scp
// of the old protocol. It stands in for the plain pumps of a relay.
type files struct {
	s      *session
	wants  []policy.Action // one of them is enough to begin
	scp    *sftp.Command   // nil: SFTP
	r      *relay
	rule   policy.Recording
	get    *sftp.Bounds // nil: it is not permitted
	put    *sftp.Bounds
	aside  bool            // it is an exec, recorded as such, and only read along
	along  *recorder.Track // of aside
	reader interface {
		Requests(io.Reader) error
		Replies(io.Reader) error
		Finish() error
	}

	mu   sync.Mutex // guards told
	told []sftp.Reason
}

// subsystem runs sftp, and refuses all others.
func (s *session) subsystem(a aim, p program) *refusal {
	r := &refusal{code: policy.ByPolicy, exit: exitDenied, why: s.say().noSubsystem, next: s.say().noSubsystemNext, target: a.target}
	switch {
	case p.command != "sftp" || a.target == "":
		s.c.note("subsystem "+p.command, "", r.why)
		return r
	case s.terminal() != nil:
		r.why, r.next = s.say().noTerminalFiles, ""
		return r
	}
	p.files = &files{s: s, wants: []policy.Action{policy.SFTPGet, policy.SFTPPut}}
	return s.visit(a, p)
}

// transfer is what reads a command along that is scp of the old protocol, and
// nothing else; nil for any other.
func (s *session) transfer(p *program) {
	if p.kind != "exec" || s.terminal() != nil {
		return
	}
	c, ok := sftp.ParseCommand(p.command)
	if !ok {
		return
	}
	do := policy.SFTPGet
	if c.Put {
		do = policy.SFTPPut
	}
	p.files = &files{s: s, scp: &c, wants: []policy.Action{do, policy.Exec}}
}

// choose finds what to ask for: the first that is not simply denied.
func (f *files) choose(ctx context.Context, k *gateway.Knock) error {
	for _, k.Do = range f.wants {
		a, err := f.s.c.door.Gateway.Enter(ctx, *k)
		if err != nil || a.Verdict != policy.Deny {
			return err
		}
	}
	k.Do = f.wants[0]
	return nil
}

// begin runs the program with what the person may do.
func (f *files) begin(st *stay, p program, do policy.Action, d policy.Decision) *refusal {
	s := f.s
	if no, err := f.withheld(st); err != nil {
		return s.failed(err, st.visit.Session.Target)
	} else if no {
		id := st.visit.Grant().ID
		s.c.note(string(do), "", "files are not transferred under this grant")
		return &refusal{
			code: policy.ByPolicy, exit: exitDenied, why: fmt.Sprintf(s.say().withoutFiles, id), next: s.say().withoutFilesNext,
			target: st.visit.Session.Target, request: id, page: "/r/" + id,
		}
	}
	f.rule, f.aside = d.Recording, do == policy.Exec
	if f.aside {
		f.get, f.put = &sftp.Bounds{}, &sftp.Bounds{}
		return s.relay(st, p, d.Recording)
	}
	f.allow(do, d)
	if f.scp == nil {
		for _, other := range f.wants {
			if other == do {
				continue
			}
			if d, err := st.visit.May(s.ctx, other); err != nil {
				return s.failed(err, st.visit.Session.Target)
			} else if d.Verdict == policy.Allow {
				f.allow(other, d)
			}
		}
		return s.relay(st, p, f.rule)
	}
	if b := d.Bounds.SFTP; b != nil && len(b.Paths) > 0 {
		s.c.note("scp", "", "paths are bounded")
		return &refusal{
			code: policy.ByPolicy, exit: exitDenied, why: fmt.Sprintf(s.say().scpBounded, d.Rule), next: s.say().scpBoundedNext, target: st.visit.Session.Target,
		}
	}
	p.command = f.scp.String()
	return s.relay(st, p, f.rule)
}

// allow takes what a decision allows of one direction. Of two rules both are kept.
func (f *files) allow(do policy.Action, d policy.Decision) {
	b := &sftp.Bounds{}
	if d.Bounds.SFTP != nil {
		b.Paths, b.MaxFile = d.Bounds.SFTP.Paths, d.Bounds.SFTP.MaxFile
	}
	if do == policy.SFTPGet {
		f.get = b
	} else {
		f.put = b
	}
	if d.Recording.SFTP == "full" {
		f.rule.SFTP = "full"
	}
	f.rule.Strict = f.rule.Strict || d.Recording.Strict
	f.rule.Redact |= d.Recording.Redact
}

// withheld says whether one of those who approved wants no file transfer: the
// grant, or one that it goes on from.
func (f *files) withheld(st *stay) (bool, error) {
	for id := st.visit.Grant().ID; id != ""; {
		v, err := f.s.c.door.Desk.See(f.s.ctx, st.visit.Session.Who, id)
		if err != nil {
			return true, err
		}
		if v.Grant == nil || slices.ContainsFunc(v.Request.Votes, func(v policy.Vote) bool { return v.Verdict == policy.Yes && v.NoFiles }) {
			return true, nil
		}
		id = v.Grant.Extends
	}
	return false, nil
}

// attach begins to read the streams of a relay along.
func (f *files) attach(r *relay, command string) (err error) {
	f.r = r
	if f.aside {
		h := recorder.Header{Kind: "sftp", Command: command, Strict: f.rule.Strict, Redact: f.rule.Redact}
		if f.along, err = r.st.visit.Recording.Track(h); err != nil {
			return err
		}
	}
	c := sftp.Config{Get: f.get, Put: f.put, Record: f.record, Words: f.words, Odd: f.odd, Now: f.s.c.door.now}
	if f.rule.SFTP == "full" && !f.aside {
		c.Keep = f.keep
	}
	if f.scp != nil {
		f.reader = sftp.NewCopy(c, *f.scp, f.aside, fromProgram{r}, r.ch)
	} else {
		f.reader = sftp.New(c, fromProgram{r}, r.ch)
	}
	return nil
}

func (f *files) words(r sftp.Reason) string { return f.s.say().refusedFile(r) }

// unrecorded is an error of the recorder.
type unrecorded struct{ error }

// record takes an operation: into the recording, and what was done into the log.
func (f *files) record(o sftp.Op) error {
	track := f.r.track
	if f.aside {
		track = f.along
	}
	if err := track.Object(o); err != nil {
		return unrecorded{err}
	}
	if !o.Moved() && !o.Changed() {
		return nil
	}
	file := gateway.File{Op: o.Op, Path: o.Path, To: o.To, SHA256: o.SHA256, Partial: o.Partial, Status: o.Status, Track: track.Name()}
	if o.Size != nil {
		file.Bytes = *o.Size
	}
	if o.Name != "" {
		file.Path += " (" + o.Name + ")"
	}
	if f.scp != nil && o.Status != sftp.OK && o.Status != sftp.Cut {
		file.Status = "failure" // the target's own words may name anything
	}
	f.r.st.visit.Filed(file, f.rule.Redact)
	return nil
}

// keep begins to record the contents of a file.
func (f *files) keep(o sftp.Op) (sftp.Sink, error) {
	h := recorder.Header{Kind: "file", Command: o.Op + " " + o.Path, Bulk: f.rule.Bulk, Strict: f.rule.Strict, Redact: f.rule.Redact}
	t, err := f.r.st.visit.FileTrack(h)
	if err != nil {
		return nil, unrecorded{err}
	}
	return sink{t, o.Op == "put"}, nil
}

// A sink is a track with the contents of a file.
type sink struct {
	*recorder.Track
	put bool
}

// Take records a piece, from the client or to it.
func (s sink) Take(p []byte) error {
	do := s.Output
	if s.put {
		do = s.Input
	}
	if err := do(p); err != nil {
		return unrecorded{err}
	}
	return nil
}

// Close ends the track.
func (s sink) Close() error {
	if err := s.Track.Close(); err != nil {
		return unrecorded{err}
	}
	return nil
}

// reasonsMost is how many kinds of refusals one session tells.
const reasonsMost = 3

// odd tells the person once of each kind of refusal, and writes it down.
func (f *files) odd(what string, r sftp.Reason) {
	why := f.words(r)
	f.s.c.note(what, "", why)
	f.mu.Lock()
	first := !slices.Contains(f.told, r) && len(f.told) < reasonsMost
	if first {
		f.told = append(f.told, r)
	}
	f.mu.Unlock()
	if first {
		f.line(why)
	}
}

func (f *files) line(text string) {
	f.s.out.aside([]byte("lockbox: "+text+"\n"), func() bool { return true })
}

// input passes on what the client writes, as relay.input does.
func (f *files) input() {
	r := f.r
	defer close(r.fed)
	f.ended(f.reader.Requests(passing{f, r.s.typing.forTarget(), r.track.Input}))
	if r.over.Err() == nil && r.gate() == nil {
		_ = r.ch.CloseWrite() // fails only when the channel is gone
	}
}

// output passes on what the program writes, as relay.pump does.
func (f *files) output() {
	f.ended(f.reader.Replies(passing{f, f.r.ch, f.r.track.Output}))
	if err := f.reader.Finish(); err != nil {
		f.r.broken(err)
	}
	if f.along != nil {
		if err := f.along.Close(); err != nil {
			f.r.broken(err)
		}
	}
}

// ended takes why one direction ended: the ends of channels are told elsewhere.
func (f *files) ended(err error) {
	var lost unrecorded
	switch {
	case errors.As(err, &lost):
		f.r.broken(err)
	case errors.Is(err, sftp.ErrBroken), errors.Is(err, sftp.ErrName):
		text := f.s.say().notSFTP
		if f.scp != nil {
			text = f.s.say().notSCP
		}
		if errors.Is(err, sftp.ErrName) {
			text = f.words(sftp.BadName)
		}
		f.s.c.note("files", "", err.Error())
		f.line(text)
		_ = f.r.ch.Close() // it may be closed already
	case errors.Is(err, errFrozen):
		f.r.done()
	}
}

// stderr records what a program that moves files says aside.
func (f *files) stderr(p []byte) error {
	for part := range slices.Chunk(p, 4<<10) {
		o := struct {
			Op   string `json:"op"`
			Text string `json:"text"`
		}{"stderr", string(bytes.ToValidUTF8(part, []byte("\uFFFD")))}
		if err := f.r.track.Object(o); err != nil {
			return err
		}
	}
	return nil
}

// passing reads what may pass.
type passing struct {
	f    *files
	src  io.Reader
	keep func([]byte) error // of what is only read along
}

func (p passing) Read(b []byte) (int, error) {
	r := p.f.r
	n, err := p.src.Read(b)
	if gone := r.over.Err(); gone != nil {
		return 0, gone
	}
	if gone := r.gate(); gone != nil {
		return 0, gone
	}
	if n == 0 {
		return 0, err
	}
	r.st.used()
	var lost error
	if p.f.aside {
		lost = p.keep(b[:n])
	} else {
		lost = r.track.Ready()
	}
	if lost != nil {
		return 0, unrecorded{lost}
	}
	return n, err
}

// fromProgram is what the client reads.
type fromProgram struct{ r *relay }

func (w fromProgram) Write(p []byte) (int, error) {
	if err := w.r.s.out.program(p, false); err != nil {
		w.r.done() // nobody is there to read it
		return 0, err
	}
	return len(p), nil
}
