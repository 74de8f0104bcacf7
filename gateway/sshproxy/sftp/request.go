package sftp

import "encoding/binary"

// A request is what a client asks for.
type request struct {
	kind         byte
	id           uint32
	ext          string // of an extension
	path, to     string // to: where a rename, a link or a symbolic link leads
	handle, into string // into: of a copy
	offset, at   uint64 // at: in into
	length       uint64
	flags        uint32
	attrs        attrs
	data         []byte
	names        [2]string // what is passed on and means nothing here
}

// A form is how a request is named, and what comes in its packet:
// p path, t to, h handle, i into, o offset, a at, n length, l length of 32 bits,
// f flags, s attributes, d data, 0 and 1 names.
type form struct{ op, fields string }

// formOf gives the form of a request; false of one that is not known.
// Of a symbolic link OpenSSH sends first where it leads, unlike the draft.
func formOf(kind byte, ext string) (f form, ok bool) {
	if kind == fxExtended {
		f, ok = extensions()[ext]
		return f, ok
	}
	switch kind {
	case fxOpen:
		f = form{"open", "pfs"}
	case fxClose:
		f = form{"close", "h"}
	case fxRead:
		f = form{"read", "hol"}
	case fxWrite:
		f = form{"write", "hod"}
	case fxLstat:
		f = form{"lstat", "p"}
	case fxFstat:
		f = form{"fstat", "h"}
	case fxSetstat:
		f = form{"setstat", "ps"}
	case fxFsetstat:
		f = form{"setstat", "hs"}
	case fxOpendir:
		f = form{"list", "p"}
	case fxReaddir:
		f = form{"readdir", "h"}
	case fxRemove:
		f = form{"remove", "p"}
	case fxMkdir:
		f = form{"mkdir", "ps"}
	case fxRmdir:
		f = form{"rmdir", "p"}
	case fxRealpath:
		f = form{"realpath", "p"}
	case fxStat:
		f = form{"stat", "p"}
	case fxRename:
		f = form{"rename", "pt"}
	case fxReadlink:
		f = form{"readlink", "p"}
	case fxSymlink:
		f = form{"symlink", "tp"}
	}
	return f, f.op != ""
}

// Extensions of OpenSSH, as its PROTOCOL has them.
const (
	extRename   = "posix-rename@openssh.com"
	extStatvfs  = "statvfs@openssh.com"
	extFstatvfs = "fstatvfs@openssh.com"
	extHardlink = "hardlink@openssh.com"
	extFsync    = "fsync@openssh.com"
	extLsetstat = "lsetstat@openssh.com"
	extLimits   = "limits@openssh.com"
	extExpand   = "expand-path@openssh.com"
	extCopy     = "copy-data"
	extHome     = "home-directory"
	extUsers    = "users-groups-by-id@openssh.com"
)

func extensions() map[string]form {
	return map[string]form{
		extRename: {"rename", "pt"}, extStatvfs: {"statvfs", "p"}, extFstatvfs: {"statvfs", "h"}, extHardlink: {"hardlink", "pt"},
		extFsync: {"fsync", "h"}, extLsetstat: {"setstat", "ps"}, extLimits: {"limits", ""}, extExpand: {"realpath", "p"},
		extCopy: {"copy", "honia"}, extHome: {"home", "0"}, extUsers: {"users", "01"},
	}
}

// parse reads a packet without its length. known is false of a request that is
// not known, of which only kind, id and ext are read.
func parse(p []byte) (q request, f form, known bool, err error) {
	c := cursor{p: p}
	if b := c.take(1); b != nil {
		q.kind = b[0]
	}
	q.id = c.u32()
	if q.kind == fxExtended {
		q.ext = c.text(handleMost)
	}
	if c.bad {
		return q, f, false, ErrBroken
	}
	if f, known = formOf(q.kind, q.ext); !known {
		return q, f, false, nil
	}
	for _, field := range []byte(f.fields) {
		q.read(&c, field)
	}
	if c.bad || len(c.p) > 0 {
		return q, f, true, ErrBroken
	}
	return q, f, true, nil
}

func (q *request) read(c *cursor, field byte) {
	switch field {
	case 'p':
		q.path = c.text(pathMost)
	case 't':
		q.to = c.text(pathMost)
	case 'h':
		q.handle = c.text(handleMost)
	case 'i':
		q.into = c.text(handleMost)
	case 'o':
		q.offset = c.u64()
	case 'a':
		q.at = c.u64()
	case 'n':
		q.length = c.u64()
	case 'l':
		q.length = uint64(c.u32())
	case 'f':
		q.flags = c.u32()
	case 's':
		q.attrs = c.attrs()
	case 'd':
		q.data = c.bytes()
	case '0', '1':
		q.names[field-'0'] = c.text(packetMost)
	}
}

// packet writes a request as it is sent, with its length.
func (q request) packet() []byte {
	b := binary.BigEndian.AppendUint32([]byte{q.kind}, q.id)
	if q.kind == fxExtended {
		b = appendText(b, q.ext)
	}
	f, _ := formOf(q.kind, q.ext)
	for _, field := range []byte(f.fields) {
		b = q.append(b, field)
	}
	return framed(b)
}

func (q request) append(b []byte, field byte) []byte {
	switch field {
	case 'p':
		return appendText(b, q.path)
	case 't':
		return appendText(b, q.to)
	case 'h':
		return appendText(b, q.handle)
	case 'i':
		return appendText(b, q.into)
	case 'o':
		return binary.BigEndian.AppendUint64(b, q.offset)
	case 'a':
		return binary.BigEndian.AppendUint64(b, q.at)
	case 'n':
		return binary.BigEndian.AppendUint64(b, q.length)
	case 'l':
		return binary.BigEndian.AppendUint32(b, uint32(q.length))
	case 'f':
		return binary.BigEndian.AppendUint32(b, q.flags)
	case 's':
		return q.attrs.append(b)
	case 'd':
		return appendText(b, q.data)
	}
	return appendText(b, q.names[field-'0'])
}
