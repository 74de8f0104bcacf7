package devtarget

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// samples is what every login finds at home, so that there is something to look at.
//
//go:embed home
var samples embed.FS

var loginName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// furnish makes one home per login under dir. Files that are there already are left as they are.
func furnish(dir string, logins []string) error {
	if dir == "" {
		return errors.New("dev target: no home folder")
	}
	for _, login := range logins {
		if !loginName.MatchString(login) {
			return fmt.Errorf("dev target: login %q: use a-z, 0-9, _ and -", login)
		}
		if err := furnishHome(filepath.Join(dir, login)); err != nil {
			return fmt.Errorf("dev target: furnish %s: %w", login, err)
		}
	}
	return nil
}

func furnishHome(dir string) error {
	home, err := fs.Sub(samples, "home")
	if err != nil {
		return err
	}
	return fs.WalkDir(home, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		if _, err := os.Lstat(to); err == nil {
			return nil
		}
		data, err := fs.ReadFile(home, name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o600)
	})
}
