package sshproxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pkg/sftp"

	"lockbox/policy"
	"lockbox/recorder"
)

// filesHouse has a rule with these actions, and bounds of files.
func filesHouse(t *testing.T, bounds *policy.SFTP, actions ...policy.Action) *house {
	t.Helper()
	h := newHouse(t)
	p := *h.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Actions = actions
	p.Rules[0].Bounds.SFTP = bounds
	h.SetPolicy(&p)
	return h
}

// ours permits all of files besides shells.
func ours() []policy.Action {
	return []policy.Action{policy.Shell, policy.Exec, policy.SFTPGet, policy.SFTPPut}
}

// sftpClient speaks SFTP through the door.
func (h *house) sftpClient(t *testing.T) *sftp.Client {
	t.Helper()
	c, err := sftp.NewClient(h.dial(t, login, h.Eng))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	return c
}

// deeds are the events about files, one line each, once there are so many.
func (h *house) fileEvents(t *testing.T, n int) (lines []string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	for e, err := range h.Ledger.Watch(ctx, -1) {
		if err != nil {
			t.Fatalf("there are only %q", lines)
		}
		if !strings.HasPrefix(e.Kind, "file") {
			continue
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %.8s", e.Kind, filepath.Base(e.Private["path"]), e.Detail["bytes"], e.Private["sha256"])))
		if !slices.Contains(e.Customers, "nord") || e.Actor != h.Eng.ID {
			t.Errorf("got %+v", e)
		}
		if len(lines) == n {
			break
		}
	}
	return lines
}

func someBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func TestC5FilesAreMovedAndToldOf(t *testing.T) {
	h := filesHouse(t, nil, ours()...)
	code := h.granted(t, h.Eng, time.Hour)
	c := h.sftpClient(t)
	data := someBytes(200_000)
	f, err := c.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write(data)
	_ = f.Close()
	r, err := c.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	_ = r.Close()
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if err := c.Rename("a", "b"); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	sum := fmt.Sprintf("%x", sha256.Sum256(data))[:8]
	want := []string{"file.put a 200000 " + sum, "file.get a 200000 " + sum, "file.change a 0"}
	if diff := cmp.Diff(want, h.fileEvents(t, 3)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	h.close(t)
	p := h.recording(t, code)
	var ops []string
	for _, line := range bytes.Split(bytes.TrimSpace(recorded(t, p, "sftp0", recorder.CodeObject)), []byte("}{")) {
		ops = append(ops, string(line))
	}
	if len(ops) < 5 || !strings.Contains(strings.Join(ops, "\n"), `"sha256":"`+sum) {
		t.Errorf("got %q", ops)
	}
}

func sum256(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
