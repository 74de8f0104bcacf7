package backup

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Free is how many bytes this user can still write on the disk of dir.
func Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(min(st.Bavail, 1<<40)) * int64(st.Bsize), nil
}
