package wire

import "runtime"

// much is the length from which a write is one of many: x/crypto sends its
// packets through a buffer of that size.
const much = 4 << 10

// unsent is how much the system takes before it can send it. What is typed waits
// behind that, and behind a buffer of ours, when both go through one connection.
const unsent = 128 << 10

// Write takes p. What is short is written before it returns, unless something
// goes before it; the rest is gathered, and written by a goroutine that lives
// as long as there is something to write. If that fails, the socket is closed
// and the next Write tells.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(p) < much && !c.writing && c.failed == nil {
		return c.through(p)
	}
	return c.gather(p)
}

// through writes p at once. mu is held.
func (c *Conn) through(p []byte) (int, error) {
	err := c.send(p)
	if c.writing = c.n > 0; c.writing { // somebody came meanwhile
		go c.flush()
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// gather puts p to what is to be written. mu is held.
func (c *Conn) gather(p []byte) (done int, err error) {
	for done < len(p) {
		for c.n == size && c.failed == nil {
			c.moved.Wait()
		}
		if c.failed != nil {
			return done, c.failed
		}
		if c.out == nil {
			c.out = c.pool.get()
		}
		n := copy(c.out[c.n:], p[done:])
		c.n += n
		done += n
		if !c.writing {
			c.writing = true
			go c.flush() // it ends with what there is to write, or with the socket
		}
	}
	return done, nil
}

// flush writes what was gathered, until nothing is left.
func (c *Conn) flush() {
	runtime.Gosched() // the rest of a packet may come
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.n > 0 && c.failed == nil {
		b, n := c.out, c.n
		c.out, c.n = nil, 0
		c.moved.Broadcast()
		_ = c.send(b[:n]) // the next Write tells
		c.pool.put(b)
	}
	if c.out != nil {
		c.pool.put(c.out)
		c.out, c.n = nil, 0
	}
	c.writing = false
}

// send writes p without mu, which is held before and after. What was not
// written whole leaves the peer nothing to make sense of.
func (c *Conn) send(p []byte) error {
	c.writing = true
	c.mu.Unlock()
	err := c.put(p)
	if err != nil {
		_ = c.Conn.Close() // it may be closed already
	}
	c.mu.Lock()
	if err != nil && c.failed == nil {
		c.failed = err
	}
	return err
}

// put writes p. What is short is written by who is there, see writeOnce; more may
// take a while, in which its processor is another's.
func (c *Conn) put(p []byte) error {
	if len(p) >= much || c.raw == nil {
		_, err := c.Conn.Write(p)
		return err
	}
	c.left, c.lost = p, nil
	err := c.raw.Write(c.pour)
	c.left = nil
	if err != nil { // closed, or its time is up
		return err
	}
	return c.lost
}

// give writes what is left; false: not all of it can be taken yet.
func (c *Conn) give(fd uintptr) bool {
	for len(c.left) > 0 {
		n, err := writeOnce(fd, c.left)
		if again(err) {
			return false
		}
		if err != nil {
			c.lost = c.wrong("write", err)
			return true
		}
		c.left = c.left[n:]
	}
	return true
}
