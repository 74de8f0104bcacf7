//go:build !linux

package backup

import "os"

func quietly(fn func()) { fn() }

func forget(*os.File) {}
