package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"
)

// Create makes a new ring in dir, all of it or nothing, and never over another: dir
// is not there yet, or is empty. origin is the name of the log, such as
// "lockbox.example"; it has no space and no '+'.
func Create(dir, origin string) (*Ring, error) {
	files, err := newFiles(origin)
	if err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, ".keys-") // 0700
	if err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }() // gone after the rename
	for name, text := range files {
		if err := write(filepath.Join(tmp, name), text); err != nil {
			return nil, fmt.Errorf("make keys: %w", err)
		}
	}
	if err := errors.Join(syncDir(tmp), publish(tmp, dir), syncDir(parent)); err != nil {
		return nil, fmt.Errorf("make keys: %w", err)
	}
	return Load(dir)
}

func newFiles(origin string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{hostFile, peopleCAFile, targetCAFile, hostCAFile} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		block, err := ssh.MarshalPrivateKey(key, "lockbox "+name)
		if err != nil {
			return nil, err
		}
		files[name] = pem.EncodeToMemory(block)
	}
	skey, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, err
	}
	if _, err := note.NewSigner(skey); err != nil {
		return nil, fmt.Errorf("%q cannot be the name of a log: use a host name", origin)
	}
	files[logFile] = []byte(skey + "\n")
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, err
	}
	files[vaultFile] = []byte(id.String() + "\n")
	files[vaultPubFile] = []byte(id.Recipient().String() + "\n")
	var rest [32]byte
	if _, err := rand.Read(rest[:]); err != nil {
		return nil, err
	}
	files[atRestFile] = []byte(hex.EncodeToString(rest[:]) + "\n")
	return files, nil
}

// write puts text on the disk, for its owner alone.
func write(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// publish gives tmp its name. Neither rmdir nor rename takes away a directory that holds anything.
func publish(tmp, dir string) error {
	_ = syscall.Rmdir(dir) // an empty one; of anything else rename tells
	err := os.Rename(tmp, dir)
	if _, there := os.Lstat(dir); err != nil && there == nil {
		return fmt.Errorf("%s has something in it already, and keys are never overwritten: move it away first: %w", dir, err)
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
