package sftp

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Types of packets (draft-ietf-secsh-filexfer-02, section 3).
const (
	fxInit     = 1
	fxVersion  = 2
	fxOpen     = 3
	fxClose    = 4
	fxRead     = 5
	fxWrite    = 6
	fxLstat    = 7
	fxFstat    = 8
	fxSetstat  = 9
	fxFsetstat = 10
	fxOpendir  = 11
	fxReaddir  = 12
	fxRemove   = 13
	fxMkdir    = 14
	fxRmdir    = 15
	fxRealpath = 16
	fxStat     = 17
	fxRename   = 18
	fxReadlink = 19
	fxSymlink  = 20
	fxStatus   = 101
	fxHandle   = 102
	fxData     = 103
	fxName     = 104
	fxAttrs    = 105
	fxExtended = 200
	fxReply    = 201
)

// Statuses (section 7).
const (
	fxOK          = 0
	fxEOF         = 1
	fxNoFile      = 2
	fxDenied      = 3
	fxFailure     = 4
	fxBadMessage  = 5
	fxUnsupported = 8
)

// Flags of an open (section 6.3).
const (
	openRead   = 1
	openWrite  = 2
	openAppend = 4
	openCreate = 8
	openTrunc  = 16
	openExcl   = 32
	openKnown  = 63
)

// Flags of attributes (section 5).
const (
	attrSize  = 1
	attrOwner = 2
	attrMode  = 4
	attrTimes = 8
	attrKnown = 15
)

// Bounds of what is read.
const (
	packetMost = 256<<10 + 1024 // bytes of one, without its length; OpenSSH's own is 256 KiB
	pathMost   = 4096
	handleMost = 256
	dataMost   = packetMost - 1024
)

// ErrBroken: what came is not the protocol.
var ErrBroken = errors.New("what came is not the protocol")

// attrs are those of a file.
type attrs struct {
	flags       uint32
	size        uint64
	uid, gid    uint32
	mode        uint32
	atime, mtim uint32
}

// A cursor reads a packet. After bad all is zero.
type cursor struct {
	p   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n > len(c.p) {
		c.bad = true
		return nil
	}
	b := c.p[:n:n]
	c.p = c.p[n:]
	return b
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) bytes() []byte {
	n := c.u32()
	if c.bad || n > packetMost {
		c.bad = true
		return nil
	}
	return c.take(int(n))
}

func (c *cursor) text(most int) string {
	b := c.bytes()
	if len(b) > most || slices.Contains(b, 0) && most == pathMost {
		c.bad = true
		return ""
	}
	return string(b)
}

func (c *cursor) attrs() (a attrs) {
	a.flags = c.u32()
	if a.flags&^attrKnown != 0 {
		c.bad = true
	}
	if a.flags&attrSize != 0 {
		a.size = c.u64()
	}
	if a.flags&attrOwner != 0 {
		a.uid, a.gid = c.u32(), c.u32()
	}
	if a.flags&attrMode != 0 {
		a.mode = c.u32()
	}
	if a.flags&attrTimes != 0 {
		a.atime, a.mtim = c.u32(), c.u32()
	}
	return a
}

func (a attrs) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, a.flags)
	if a.flags&attrSize != 0 {
		b = binary.BigEndian.AppendUint64(b, a.size)
	}
	if a.flags&attrOwner != 0 {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, a.uid), a.gid)
	}
	if a.flags&attrMode != 0 {
		b = binary.BigEndian.AppendUint32(b, a.mode)
	}
	if a.flags&attrTimes != 0 {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, a.atime), a.mtim)
	}
	return b
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// framed puts the length before a packet.
func framed(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body...)
}

// statusPacket is a reply of ours.
func statusPacket(id, code uint32, why string) []byte {
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte{fxStatus}, id), code)
	return framed(appendText(appendText(b, why), "en"))
}
