package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// block is one entry of a tar, as anybody can write it.
func block(name string, kind byte, body string) string {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000600\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x0000000000000\x00", len(body)))
	copy(h[148:], "        ")
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return string(h) + body + strings.Repeat("\x00", (512-len(body)%512)%512)
}

func record(key, value string) string {
	n := len(key) + len(value) + 3
	n += len(fmt.Sprint(n + 2))
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

// TestABackupIsNotLargerInsideThanOutside: anybody can seal something to a
// public key, and a hole in a tar costs nothing to write.
func TestABackupIsNotLargerInsideThanOutside(t *testing.T) {
	s := newSite(t)
	const size = 1 << 20
	whole := append([]byte("x"), make([]byte, size-1)...)
	sum := sha256.Sum256(whole)
	signed, err := Manifest{
		Version: version, Log: origin, Kind: Nightly, Made: time.Unix(0, 0).UTC(), Files: []File{{ledgerName, IsLedger, size, hex.EncodeToString(sum[:])}},
	}.sign(s.Options.Signer)
	must(t, err)
	holes := record("GNU.sparse.size", fmt.Sprint(size)) + record("GNU.sparse.numblocks", "1") + record("GNU.sparse.map", "0,1")
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, s.id.Recipient())
	must(t, err)
	_, err = io.WriteString(w, block(manifestName, '0', string(signed))+block("pax", 'x', holes)+block(ledgerName, '0', "x")+strings.Repeat("\x00", 1024))
	must(t, err)
	must(t, w.Close())
	_, err = Unpack(&sealed, t.TempDir(), s.id)
	if err == nil || !strings.Contains(err.Error(), "stands where ledger.db is listed") {
		t.Errorf("got %v", err)
	}
}

// TestOnlyFilesAreHeld: a start does not wait for a pipe, nor read a device.
func TestOnlyFilesAreHeld(t *testing.T) {
	s, dir := newSite(t), t.TempDir()
	must(t, os.Symlink(os.DevNull, filepath.Join(dir, "ceo.txt")))
	_, err := s.reader().Folder(dir)
	if err == nil || !strings.Contains(err.Error(), "ceo.txt is no file") {
		t.Errorf("got %v", err)
	}
}
