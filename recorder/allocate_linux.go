package recorder

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate has a file of from bytes take the room of size bytes.
func allocate(f *os.File, from, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return writeZeros(f, from, size)
	}
	return err
}
