package sftp

import (
	"path"
	"strings"
)

// Bounds are what a rule says of files.
type Bounds struct {
	Paths   []string // exact, or everything below one with /** at the end; none: every path
	MaxFile int64    // bytes; 0: none is set
}

// holds says whether a resolved path is within. below asks for what is named or
// in a directory that is: the directory itself is not.
func (b *Bounds) holds(p string, below bool) bool {
	if b == nil {
		return false
	}
	for _, want := range b.Paths {
		dir, tree := strings.CutSuffix(want, "/**")
		switch {
		case !tree && p == want, tree && strings.HasPrefix(p, dir+"/") && p != "/", tree && !below && (p == dir || dir == "" && p == "/"):
			return true
		}
	}
	return len(b.Paths) == 0
}

// leads says whether a resolved path is on the way to what is within.
func (b *Bounds) leads(p string) bool {
	if b == nil {
		return false
	}
	for _, want := range b.Paths {
		if p == "/" || strings.HasPrefix(want, p+"/") {
			return true
		}
	}
	return len(b.Paths) == 0
}

// tooLong says whether a file of so many bytes is larger than may be.
func (b *Bounds) tooLong(at, n uint64) bool {
	return b != nil && b.MaxFile > 0 && (at+n < at || at+n > uint64(b.MaxFile))
}

func (b *Bounds) narrow() bool { return b != nil && len(b.Paths) > 0 }

func (b *Bounds) sized() bool { return b != nil && b.MaxFile > 0 }

// split parts a path into its directory and the name in it; false where the
// name is none, or leads elsewhere.
func split(p string) (dir, name string, ok bool) {
	p = strings.TrimRight(p, "/")
	dir, name = path.Split(p)
	if dir == "" {
		dir = "."
	}
	return dir, name, name != "" && name != "." && name != ".."
}
