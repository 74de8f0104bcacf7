package requests

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A file is lbxreqs1 and a salt of 32 bytes, then boxes, each behind its length
// of 4 bytes: AES-256-GCM over zstd over lines of JSON. The key is derived from
// the salt, the nonce is the number of the box, the head is additional data.
const (
	magic    = "lbxreqs1"
	headSize = len(magic) + 32
	boxMost  = 1 << 20
	fileMost = 64 << 20 // that is read
)

type file struct {
	out   *os.File
	aead  cipher.AEAD
	enc   *zstd.Encoder
	head  []byte
	n     uint64
	bytes int64
}

func newFile(dir string, number int, key [32]byte) (*file, error) {
	return createFile(filepath.Join(dir, fmt.Sprintf("%08d.log", number)), key)
}

func createFile(path string, key [32]byte) (*file, error) {
	f := &file{head: append([]byte(magic), make([]byte, 32)...), bytes: int64(headSize)}
	_, _ = rand.Read(f.head[len(magic):]) // never fails
	var err error
	if f.aead, err = sealing(key, f.head); err != nil {
		return nil, err
	}
	if f.enc, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true)); err != nil {
		return nil, err
	}
	if f.out, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	if _, err = f.out.Write(f.head); err != nil {
		return nil, errors.Join(err, f.out.Close())
	}
	return f, nil
}

// sealing is the cipher of the file with such a head.
func sealing(key [32]byte, head []byte) (cipher.AEAD, error) {
	k, err := hkdf.Key(sha256.New, key[:], head[len(magic):], "lockbox/requests/file/v1", 32)
	if err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func nonce(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4, 12), n) }

func (f *file) append(lines []byte) error {
	box := f.aead.Seal(make([]byte, 4), nonce(f.n), f.enc.EncodeAll(lines, nil), f.head)
	binary.BigEndian.PutUint32(box, uint32(len(box)-4))
	f.n++
	f.bytes += int64(len(box))
	_, err := f.out.Write(box)
	return err
}

func (f *file) close() error { return errors.Join(f.enc.Close(), f.out.Close()) }

// A kept is a file in the folder.
type kept struct {
	number  int
	path    string
	size    int64
	changed time.Time
}

// files lists them, oldest first.
func (l *Log) files() (all []kept, err error) {
	names, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	form := regexp.MustCompile(`^(\d{8,})\.log$`)
	for _, e := range names {
		m := form.FindStringSubmatch(e.Name())
		if m == nil || !e.Type().IsRegular() {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		i, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, kept{n, filepath.Join(l.dir, e.Name()), i.Size(), i.ModTime()})
	}
	slices.SortFunc(all, func(a, b kept) int { return a.number - b.number })
	return all, nil
}

// boxes reads a file's boxes, still sealed. What is cut off at the end is left out.
func boxes(path string) (head []byte, all [][]byte, err error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = in.Close() }() // read only
	b, err := io.ReadAll(io.LimitReader(in, fileMost))
	if err != nil {
		return nil, nil, err
	}
	return split(b)
}

// split finds the boxes in a file.
func split(b []byte) (head []byte, all [][]byte, err error) {
	if len(b) < headSize || !bytes.HasPrefix(b, []byte(magic)) {
		return nil, nil, errors.New("it is no request log")
	}
	head, b = b[:headSize], b[headSize:]
	for len(b) > 4 {
		n := int(binary.BigEndian.Uint32(b))
		if n > boxMost || n > len(b)-4 {
			break
		}
		all, b = append(all, b[4:4+n]), b[4+n:]
	}
	return head, all, nil
}
