package sftp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// sink passes on what a sink answers, until src ends.
func (c *Copy) sink(src io.Reader, dst io.Writer) error {
	defer c.hush()
	in := bufio.NewReaderSize(src, 4<<10)
	for {
		b, err := in.ReadByte()
		if err != nil {
			return ended(err)
		}
		line, a := []byte{b}, ack{}
		if b != 0 {
			_ = in.UnreadByte() // it was read just now
			line, err = readLine(in)
			if err == nil && b > 2 {
				err = broken(line, ErrBroken)
			}
			if not := (*unread)(nil); c.aside && errors.As(err, &not) {
				return c.raw(dst, not.rest(), in)
			}
			if err != nil {
				return fmt.Errorf("an answer: %w", err)
			}
			a = ack{b == 2, message(c.plain(line))}
		}
		if err := c.tell(dst, line, a); err != nil {
			return err
		}
	}
}

// tell passes on an answer, which the source is waiting for.
func (c *Copy) tell(dst io.Writer, line []byte, a ack) error {
	if _, err := dst.Write(line); err != nil {
		return err
	}
	select {
	case c.acks <- a:
	case <-c.gone:
	}
	return nil
}

// raw passes on what is not understood.
func (c *Copy) raw(dst io.Writer, line []byte, in io.Reader) error {
	c.hush()
	if _, err := dst.Write(line); err != nil {
		return err
	}
	_, err := io.Copy(dst, in)
	return err
}
