package sftp

import (
	"encoding/binary"
	"fmt"
	"io"
)

// firstBuffer is enough for who only lists; it grows with what comes.
const firstBuffer = 8 << 10

// A stream cuts what it reads into packets, and passes those on that are kept,
// as many at once as have come.
type stream struct {
	src  io.Reader
	dst  io.Writer
	buf  []byte
	from int // buf[from:at] is kept, and not written
	at   int // buf[at:end] is not handled
	end  int
}

// each hands every packet, without its length, to handle, until src ends.
func (s *stream) each(handle func(p []byte) (keep bool, err error)) error {
	s.buf = make([]byte, firstBuffer)
	for {
		n, rerr := s.src.Read(s.buf[s.end:])
		s.end += n
		err := s.cut(handle)
		if ferr := s.flush(); err == nil {
			err = ferr
		}
		switch {
		case err != nil:
			return err
		case rerr == io.EOF && s.at < s.end:
			return io.ErrUnexpectedEOF
		case rerr == io.EOF:
			return nil
		case rerr != nil:
			return rerr
		}
		s.room()
	}
}

// cut handles the packets that are complete.
func (s *stream) cut(handle func(p []byte) (keep bool, err error)) error {
	for s.end-s.at >= 4 {
		n := int(binary.BigEndian.Uint32(s.buf[s.at:]))
		if n < 1 || n > packetMost {
			return fmt.Errorf("a packet of %d bytes: %w", n, ErrBroken)
		}
		if s.end-s.at < 4+n {
			return nil
		}
		keep, err := handle(s.buf[s.at+4 : s.at+4+n])
		if err != nil {
			return err
		}
		if !keep {
			if err := s.flush(); err != nil {
				return err
			}
			s.from = s.at + 4 + n
		}
		s.at += 4 + n
	}
	return nil
}

// flush writes what is kept.
func (s *stream) flush() error {
	if s.from == s.at {
		return nil
	}
	_, err := s.dst.Write(s.buf[s.from:s.at])
	s.from = s.at
	return err
}

// room makes space for the rest of a packet, and for more where much comes.
func (s *stream) room() {
	need := 4
	if s.end-s.at >= 4 {
		need += int(binary.BigEndian.Uint32(s.buf[s.at:]))
	}
	size := len(s.buf)
	if full := s.end == size; full && size < packetMost/2 || need > size {
		size = max(2*size, need)
	}
	old := s.buf[s.at:s.end]
	if size != len(s.buf) {
		s.buf = make([]byte, min(size, 4+packetMost))
	}
	s.end = copy(s.buf, old)
	s.from, s.at = 0, 0
}
