package wire

import "io"

// unsettled is how much is read ahead of who is not known yet, in bytes.
const unsettled = 16 << 10

// Read gives what was read ahead, or waits without holding any room for it.
func (c *Conn) Read(p []byte) (int, error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case c.raw == nil:
		return c.Conn.Read(p)
	case len(c.ahead) == 0:
		if err := c.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.ahead)
	if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
		c.pool.put(c.in)
		c.in, c.ahead = nil, nil
	}
	return n, nil
}

// more reads what is there, and waits for something if nothing is.
func (c *Conn) more() error {
	c.err = nil
	if err := c.raw.Read(c.fill); err != nil { // closed, or its time is up
		return err
	}
	if c.err != nil {
		return c.err
	}
	return nil
}

// take reads once; false: there is nothing yet.
func (c *Conn) take(fd uintptr) bool {
	b, most := c.pool.get(), size
	settled := c.settled.Load()
	if !settled {
		most = unsettled
	}
	n, err := readOnce(fd, b[:most])
	if n > 0 {
		c.in, c.ahead = b, b[:n]
		if !settled || c.quick > 0 {
			quickAck(fd)
		}
		if settled && c.quick > 0 {
			c.quick--
		}
		return true
	}
	c.pool.put(b)
	switch {
	case again(err):
		return false
	case err == nil:
		c.err = io.EOF
	default:
		c.err = c.wrong("read", err)
	}
	return true
}
