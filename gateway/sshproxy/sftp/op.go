package sftp

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Statuses of an Op that are Lockbox's own; others are the server's, in words.
const (
	Asked   = "asked"   // it is passed on now; what it came to has the same N
	OK      = "ok"      //
	Refused = "refused" // by Lockbox; it did not reach the server
	Cut     = "cut"     // the session ended before it did
)

// An Op is one operation, as it is recorded.
type Op struct {
	N    uint64 `json:"n"`
	Op   string `json:"op"` // "open", then "get" and "put" of what was moved; "mkdir", "rename", "remove", …
	Path string `json:"path,omitempty"`
	To   string `json:"to,omitempty"`
	Name string `json:"name,omitempty"` // of scp -t: as it was sent; it is Path, or under it

	Read  bool   `json:"read,omitempty"`  // of an open: what for
	Write bool   `json:"write,omitempty"` //
	Attrs string `json:"attrs,omitempty"` // that are set: "mode 0644, size 12"

	Size    *int64     `json:"size,omitempty"`    // bytes moved
	SHA256  string     `json:"sha256,omitempty"`  // of them, in the order in which they passed
	Partial bool       `json:"partial,omitempty"` // they are not one pass from the beginning
	Ranges  [][2]int64 `json:"ranges,omitempty"`  // then: from and how many, in the order in which they passed
	More    bool       `json:"more,omitempty"`    // there are more ranges
	Track   string     `json:"track,omitempty"`   // with the contents

	Status string `json:"status"`
	Why    string `json:"why,omitempty"` // it was refused
	Ms     int64  `json:"ms,omitempty"`
}

// Moved says whether bytes of a file passed, Changed whether something else on
// the target may have changed.
func (o Op) Moved() bool { return (o.Op == "get" || o.Op == "put") && o.Size != nil }

// Changed is of what is answered; an open counts as the put that follows it.
func (o Op) Changed() bool {
	if o.Status == Asked || o.Status == Refused {
		return false
	}
	switch o.Op {
	case "mkdir", "rmdir", "remove", "rename", "setstat", "symlink", "hardlink", "copy":
		return true
	}
	return false
}

// shown is a path as JSON and the log can hold it. Bytes that are no UTF-8 are written as \xff.
func shown(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	var b strings.Builder
	for len(path) > 0 {
		r, n := utf8.DecodeRuneInString(path)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, path[0])
		} else {
			b.WriteString(path[:n])
		}
		path = path[n:]
	}
	return b.String()
}

func (a attrs) String() string {
	var parts []string
	if a.flags&attrSize != 0 {
		parts = append(parts, "size "+strconv.FormatUint(a.size, 10))
	}
	if a.flags&attrOwner != 0 {
		parts = append(parts, fmt.Sprintf("owner %d:%d", a.uid, a.gid))
	}
	if a.flags&attrMode != 0 {
		parts = append(parts, fmt.Sprintf("mode %04o", a.mode&0o7777))
	}
	if a.flags&attrTimes != 0 {
		parts = append(parts, "time "+time.Unix(int64(a.mtim), 0).UTC().Format(time.RFC3339))
	}
	return strings.Join(parts, ", ")
}

// rangesMost is how many ranges of one file are told.
const rangesMost = 64

// A pass is what passed of one file in one direction.
type pass struct {
	sum    hash.Hash // nil before the first byte
	bytes  int64
	ranges [][2]int64
	more   bool
	part   bool // the file may hold what did not pass
	sink   Sink
}

// take counts and hashes what passes at an offset.
func (p *pass) take(at uint64, data []byte) {
	if p.sum == nil {
		p.sum = sha256.New()
	}
	_, _ = p.sum.Write(data) // never fails
	p.bytes += int64(len(data))
	if n := len(p.ranges); n > 0 && !p.more {
		if last := &p.ranges[n-1]; uint64(last[0]+last[1]) == at {
			last[1] += int64(len(data))
			return
		}
	}
	if len(p.ranges) == rangesMost {
		p.more = true
		return
	}
	p.ranges = append(p.ranges, [2]int64{int64(at), int64(len(data))})
}

// tell puts what passed into an Op.
func (p *pass) tell(o *Op) {
	o.Size = new(int64)
	*o.Size = p.bytes
	sum := p.sum
	if sum == nil {
		sum = sha256.New()
	}
	o.SHA256 = fmt.Sprintf("%x", sum.Sum(nil))
	if p.part || len(p.ranges) > 1 || p.more || len(p.ranges) == 1 && p.ranges[0][0] != 0 {
		o.Partial, o.Ranges, o.More = true, p.ranges, p.more
	}
	if p.sink != nil {
		o.Track = p.sink.Name()
	}
}
