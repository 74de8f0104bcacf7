package sftp

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"
)

// lineMost is how long a line is, with its end. OpenSSH reads 2047 bytes at
// once, others 1023, and take what follows for the next line.
const lineMost = 1<<10 - 1

// An unread line is one that is not understood.
type unread struct {
	line []byte
	why  error
}

func (u *unread) Error() string { return u.why.Error() }

func (u *unread) rest() []byte {
	if u == nil {
		return nil
	}
	return u.line
}

// Unwrap gives why.
func (u *unread) Unwrap() error { return u.why }

func broken(line []byte, why error) error { return &unread{bytes.Clone(line), why} }

// readLine reads a line with its end.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for len(line) < lineMost {
		b, err := in.ReadByte()
		if err != nil {
			if err == io.EOF && len(line) > 0 {
				return nil, broken(line, ErrBroken)
			}
			return nil, err
		}
		line = append(line, b)
		if b == '\n' {
			return line, nil
		}
		if len(line) == 1 && b != 1 && b != 2 && (b < 'A' || b > 'Z') {
			return nil, broken(line, ErrBroken)
		}
	}
	return nil, broken(line, ErrBroken)
}

// plainLine is a message that does nothing to a terminal.
func plainLine(line []byte) []byte {
	for i, b := range line {
		if i > 0 && i < len(line)-1 && (b < ' ' || b == 0x7f) {
			line[i] = '?'
		}
	}
	return line
}

// timesIn reads "T1700000000 0 1700000000 0".
func timesIn(line []byte) (string, error) {
	f := strings.Fields(string(line[1:]))
	if len(f) != 4 {
		return "", broken(line, ErrBroken)
	}
	for _, n := range f {
		if _, err := strconv.ParseInt(n, 10, 64); err != nil {
			return "", broken(line, ErrBroken)
		}
	}
	sec, _ := strconv.ParseInt(f[0], 10, 64) // as above
	return "time " + time.Unix(sec, 0).UTC().Format(time.RFC3339), nil
}

// parseNamed reads a line that names something.
func parseNamed(line []byte) (mode string, size int64, name string, ok bool) {
	mode, rest, _ := strings.Cut(string(line[1:len(line)-1]), " ")
	digits, name, found := strings.Cut(rest, " ")
	_, err := strconv.ParseUint(mode, 8, 16)
	size, serr := strconv.ParseInt(digits, 10, 64)
	ok = found && err == nil && serr == nil && size >= 0 && len(mode) >= 3 && len(mode) <= 5 && !strings.HasPrefix(digits, "+")
	return mode, size, name, ok
}

// message is what an end says is wrong, which is no word of our own.
func message(line []byte) string {
	switch text := shown(strings.TrimSpace(string(line[1:]))); text {
	case "":
		return "an error"
	case Asked, OK, Refused, Cut:
		return "it says: " + text
	default:
		return text
	}
}
