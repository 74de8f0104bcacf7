package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"time"
)

// Names of a recording's folder, as recorder/FORMAT.md has them.
const (
	keyName      = "key.age"
	manifestName = "manifest"
	journalName  = "open"
	quarantine   = "quarantine"

	digits    = "0123456789"
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	monthForm = `^[0-9]{4}/(0[1-9]|1[0-2])$`
)

// Bytes that a file may have.
const (
	segmentMost  = 4 << 20
	keyMost      = 1 << 20
	manifestMost = 64 << 20
	graveMost    = 4 << 10
)

func matches(form, name string) bool {
	ok, _ := regexp.MatchString(form, name)
	return ok
}

// most is how many bytes a file may have.
func most(name string) int64 {
	switch name {
	case manifestName:
		return manifestMost
	case keyName:
		return keyMost
	}
	return segmentMost
}

// madeIn is the month in which a session's id was made; its recording may have
// begun just before or after.
func madeIn(session string) time.Time {
	var n int64
	for _, c := range session[:10] { // 48 bits of milliseconds and 2 of chance
		n = n<<5 | int64(strings.IndexRune(crockford, c))
	}
	at := time.UnixMilli(n >> 2).UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func isID(s string) bool { return len(s) == 26 && strings.Trim(s, crockford) == "" }

// isFile says whether a name is of a file that goes to the Store: "key.age",
// "manifest" or "pty0/000000.seg".
func isFile(name string) bool {
	if name == keyName || name == manifestName {
		return true
	}
	track, file, _ := strings.Cut(name, "/")
	number, ok := strings.CutSuffix(file, ".seg")
	kind := strings.TrimRight(track, digits)
	place := track[len(kind):]
	return ok && len(number) >= 6 && len(number) <= 9 && strings.Trim(number, digits) == "" &&
		len(kind) >= 2 && len(kind) <= 8 && strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") == "" &&
		len(place) >= 1 && len(place) <= 5 && (place[0] != '0' || place == "0")
}

func checkSession(session string) error {
	if !isID(session) {
		return fmt.Errorf("%q is not a session", session)
	}
	return nil
}

// months lists the months that have a folder.
func months(root *os.Root) (ms []string, err error) {
	years, err := list(root, ".")
	for _, y := range years {
		if len(y) != 4 {
			continue
		}
		in, err := list(root, y)
		if err != nil {
			return nil, err
		}
		for _, m := range in {
			if month := y + "/" + m; matches(monthForm, month) {
				ms = append(ms, month)
			}
		}
	}
	return ms, err
}

// list gives the names of the folders in a folder.
func list(root *os.Root, in string) (names []string, err error) {
	es, err := fs.ReadDir(root.FS(), in)
	for _, e := range es {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// sessions lists the recordings of a month.
func sessions(root *os.Root, month string) (ids []string, err error) {
	names, err := list(root, month)
	for _, n := range names {
		if isID(n) {
			ids = append(ids, n)
		}
	}
	return ids, err
}

// closed says whether a recording is over: it has a manifest, and no journal.
func closed(root *os.Root, folder string) bool {
	return there(root, path.Join(folder, manifestName)) && !there(root, path.Join(folder, journalName))
}

// there says whether there is something of a name. What cannot be looked at may be.
func there(root *os.Root, name string) bool {
	_, err := root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
