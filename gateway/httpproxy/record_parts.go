package httpproxy

import (
	"errors"
	"io"
	"mime/multipart"
	"strings"

	"lockbox/recorder"
)

// A parts keeps the fields of a form as it passes, and of its files what they
// hash to. Its reader runs until end.
type parts struct {
	*hashed
	t    *take
	sign string // that a form begins with
	met  bool   // the first piece was looked at
	not  *text  // in place of all this: it is no form
	to   *io.PipeWriter
	done chan struct{}
	took bool  // something is not kept that is a secret
	err  error // of the recording; guarded by done
}

func newParts(t *take, boundary string) *parts {
	from, to := io.Pipe()
	p := &parts{hashed: t.r.hashed(nil), t: t, sign: "--" + boundary, to: to, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = p.read(multipart.NewReader(from, boundary))
		if p.err != nil {
			_ = from.CloseWithError(p.err) // never fails
			return
		}
		_, _ = io.Copy(io.Discard, from) // what follows the form, or was none
	}()
	return p
}

// write waits until the reader has it.
func (p *parts) write(b []byte) error {
	if !p.met {
		p.met = true
		begin := strings.TrimLeft(string(b[:min(len(b), len(p.sign)+64)]), "\r\n")
		if !strings.HasPrefix(begin, p.sign) && !strings.HasPrefix(p.sign, begin) { // whoever takes it takes it for something else
			p.not = p.t.r.text(p.t, recorder.FromClient, isText, p.t.r.typed())
		}
	}
	if p.not != nil {
		return p.not.write(b)
	}
	_ = p.hashed.write(b) // never fails
	_, err := p.to.Write(b)
	return err
}

func (p *parts) end() (recorder.HTTPBody, error) {
	_ = p.to.Close() // never fails
	<-p.done
	if p.not != nil {
		return p.not.end()
	}
	b, _ := p.hashed.end() // never fails
	if p.took {
		b.SHA256 = ""
	}
	return b, p.err
}

// read reads parts until there are no more, or they are none; its error is the
// recording's.
func (p *parts) read(from *multipart.Reader) error {
	left := p.t.r.rule.Kept()
	for {
		part, err := from.NextRawPart()
		if err != nil {
			return nil // the whole is hashed
		}
		kept, err := p.part(part, left)
		if left -= kept; err != nil {
			return err
		}
	}
}

// part takes one part in; so much of it may be kept.
func (p *parts) part(part *multipart.Part, left int64) (kept int64, err error) {
	like := recorder.HTTPObject{Op: recorder.HTTPBodyOp, N: p.t.n, From: recorder.FromClient, Field: cut(part.FormName(), 1024), File: cut(part.FileName(), 1024)}
	x := p.t.r.text(p.t, recorder.FromClient, nil, p.t.r.typed())
	x.like, x.left = like, left
	x.like.More = true // the last has its bytes
	hidden := p.t.r.hides(part.FormName())
	x.not = hidden || like.File != ""
	var wrong error
	_, _ = io.Copy(writerOf(func(b []byte) error { wrong = x.write(b); return wrong }), part) // what is cut off is kept so far
	if wrong != nil {
		return x.kept, wrong
	}
	b, err := x.end()
	like.Bytes, like.SHA256 = x.bytes, b.SHA256
	if hidden {
		like.SHA256, like.Text = "", "‹redacted:password›"
	}
	p.took = p.took || hidden || x.red.Taken()
	p.kept += x.kept
	return x.kept, errors.Join(err, p.t.write(&like))
}

type writerOf func([]byte) error

func (w writerOf) Write(p []byte) (int, error) { return len(p), w(p) }
