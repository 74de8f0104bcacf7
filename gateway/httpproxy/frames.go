package httpproxy

import (
	"encoding/binary"
	"errors"
	"strconv"

	"lockbox/recorder"
)

// A frames reads the frames of one direction of a WebSocket along (RFC 6455,
// section 5.2). It judges nothing: any bytes are frames of some kind.
type frames struct {
	f    *flow
	head [14]byte
	got  int // bytes of head
	need int // bytes of head, as far as is known

	op     byte
	last   bool   // it is the last of its message
	left   uint64 // bytes of the payload that are to come
	at     uint64 // bytes of the payload that came
	masked bool
	mask   [4]byte

	data    message // that goes on from frame to frame
	control message
	room    int64 // bytes that may still be kept
	kept    int64
}

// A message is one that is read along.
type message struct {
	op    byte
	code  []byte // of a close
	bytes int64
	text  *text                // nil: not kept
	next  *recorder.HTTPObject // not written down yet
}

// Opcodes.
const (
	opMore   = 0
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

func newFrames(f *flow) *frames { return &frames{f: f, need: 2, room: f.t.r.rule.Kept()} }

// write reads the frames in p along. What they hold is written down when it returns.
func (s *frames) write(p []byte) error {
	for len(p) > 0 {
		if s.got < s.need {
			n := copy(s.head[s.got:s.need], p)
			p = p[n:]
			if s.got += n; s.got == 2 {
				s.need = s.size()
			}
			if s.got < s.need {
				continue
			}
			if err := s.begin(); err != nil {
				return err
			}
		}
		n := min(uint64(len(p)), s.left)
		if err := s.payload(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	for _, m := range []*message{&s.data, &s.control} {
		if err := s.tell(m); err != nil {
			return err
		}
	}
	return nil
}

// size is how long the head is.
func (s *frames) size() int {
	n := 2
	switch s.head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if s.head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// begin reads a head that is whole.
func (s *frames) begin() error {
	s.op, s.last, s.at = s.head[0]&0x0f, s.head[0]&0x80 != 0, 0
	n := 2
	switch s.left = uint64(s.head[1] & 0x7f); s.left {
	case 126:
		s.left, n = uint64(binary.BigEndian.Uint16(s.head[2:])), 4
	case 127:
		s.left, n = binary.BigEndian.Uint64(s.head[2:]), 10
	}
	if s.masked = s.head[1]&0x80 != 0; s.masked {
		copy(s.mask[:], s.head[n:])
	}
	m := s.message()
	if s.op == opMore && m.text != nil {
		return nil
	}
	err := errors.Join(s.tell(&s.data), s.cutOff(m)) // each in its turn
	*m = message{op: s.op}
	s.keep(m, s.head[0]&0x70 != 0)
	return err
}

// message is that which the frame belongs to.
func (s *frames) message() *message {
	if s.op >= opClose {
		return &s.control
	}
	return &s.data
}

// keep has a message kept, where the rule says so: what is text, and not what an
// extension made something else of.
func (s *frames) keep(m *message, coded bool) {
	r := s.f.t.r
	if !r.full {
		return
	}
	m.text = r.text(s.f.t, s.f.from, nil, r.redactor())
	m.text.like.Op, m.text.like.Type, m.text.like.More = recorder.HTTPFrame, typeOf(m.op), true
	m.text.left, m.text.not = s.room, coded
	if m.op != opText && m.op != opClose {
		m.text.is = isText
	}
	m.text.out = func(o *recorder.HTTPObject) error {
		err := s.tell(m)
		m.next = o
		return err
	}
}

// tell writes down what is not yet, of a message that goes on.
func (s *frames) tell(m *message) error {
	if m.next == nil {
		return nil
	}
	o := m.next
	m.next = nil
	return s.f.t.write(o)
}

// typeOf is the type of a frame in words.
func typeOf(op byte) string {
	switch op {
	case opText:
		return "text"
	case opBinary:
		return "binary"
	case opClose:
		return "close"
	case opPing:
		return "ping"
	case opPong:
		return "pong"
	}
	return strconv.Itoa(int(op))
}

// payload takes a piece of a frame's payload, and the end of the frame.
func (s *frames) payload(p []byte) error {
	m := s.message()
	if m.text != nil && len(p) > 0 {
		if err := s.take(m, s.plain(p)); err != nil {
			return err
		}
	}
	m.bytes += int64(len(p))
	s.at += uint64(len(p))
	if s.left -= uint64(len(p)); s.left > 0 {
		return nil
	}
	s.got, s.need = 0, 2
	if !s.last {
		return nil
	}
	return s.over(m)
}

// plain is a payload without its mask.
func (s *frames) plain(p []byte) []byte {
	if !s.masked {
		return p
	}
	q := make([]byte, len(p))
	for i := range p {
		q[i] = p[i] ^ s.mask[(s.at+uint64(i))&3]
	}
	return q
}

// take keeps a piece of a message; of a close not its code.
func (s *frames) take(m *message, p []byte) error {
	for m.op == opClose && len(m.code) < 2 && len(p) > 0 {
		m.code, p = append(m.code, p[0]), p[1:]
	}
	before := m.text.kept
	err := m.text.write(p)
	s.kept += m.text.kept - before
	s.room -= m.text.kept - before
	return err
}

// over is when a message is whole.
func (s *frames) over(m *message) error {
	if m.op < opClose {
		s.f.messages.Add(1)
	}
	x := m.text
	if x == nil {
		return nil
	}
	m.text = nil
	b, err := x.end()
	if err != nil {
		return err
	}
	o := m.next
	if m.next = nil; o == nil {
		o = &x.like
	}
	if o.More, o.Bytes = false, m.bytes; x.kept < x.bytes {
		o.SHA256 = b.SHA256
	}
	if len(m.code) == 2 {
		o.Code = int(binary.BigEndian.Uint16(m.code))
	}
	return s.f.t.write(o)
}

// end is what all of it came to.
func (s *frames) end() (b recorder.HTTPBody, err error) {
	b.Kept = s.kept
	return b, errors.Join(s.cutOff(&s.data), s.cutOff(&s.control))
}

// cutOff writes down what is held back of a message that did not come whole.
func (s *frames) cutOff(m *message) error {
	if m.text == nil {
		return nil
	}
	if _, err := m.text.end(); err != nil {
		return err
	}
	return s.tell(m)
}
