package recorder

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

const clipGolden = "testdata/golden/clip"

// writeClip makes testdata/golden/clip anew, which is right only together with
// a new version of the format: LOCKBOX_TEST_GOLDEN=clip go test -run ClipVerifies
func writeClip(t *testing.T) {
	b, err := os.ReadFile(kindsGolden + "/keys")
	must(t, err)
	id, err := age.ParseHybridIdentity(strings.Fields(string(b))[0])
	must(t, err)
	p, err := Open(kindsGolden+"/"+kindsID, id)
	must(t, err)
	var clip bytes.Buffer
	must(t, MakeClip(p, "pty0", 63*time.Second, 0, &clip))
	must(t, os.MkdirAll(clipGolden, 0o700))
	must(t, os.WriteFile(clipGolden+"/clip.tar", clip.Bytes(), 0o600))
	must(t, os.WriteFile(clipGolden+"/root", []byte(p.Manifest.Root+"\n"), 0o600))
}

func TestAnOldClipVerifiesForEver(t *testing.T) {
	if os.Getenv("LOCKBOX_TEST_GOLDEN") == "clip" {
		writeClip(t)
	}
	root, err := os.ReadFile(clipGolden + "/root")
	must(t, err)
	clip, err := os.ReadFile(clipGolden + "/clip.tar")
	must(t, err)
	c, err := VerifyClip(bytes.NewReader(clip), nil, strings.TrimSpace(string(root)))
	must(t, err)
	if c.Session != kindsID || c.From != 63*time.Second || !bytes.Contains(c.Shown, []byte("round 3")) || bytes.Contains(c.Shown, []byte("round 0 ")) {
		t.Errorf("got %+v\n%s", c, c.Shown)
	}
}

// The recording with a screen at a segment's beginning: from there on it shows
// what it does from the beginning.
func TestAnOldRecordingIsSoughtForEver(t *testing.T) {
	b, err := os.ReadFile(kindsGolden + "/keys")
	must(t, err)
	id, err := age.ParseHybridIdentity(strings.Fields(string(b))[0])
	must(t, err)
	p, err := Open(kindsGolden+"/"+kindsID, id)
	must(t, err)
	if len(stream(events(t, p, "pty0"), CodeKey)) == 0 {
		t.Fatal("there is no key in it")
	}
	for at := range 130 {
		at := time.Duration(at) * time.Second
		got := from(t, p, "pty0", at)
		shown, later := shownBy(t, p, "pty0", at)
		if !bytes.Equal(got[0].Data, shown) || !same(got[1:], later) {
			t.Errorf("at %v: got %q, want %q", at, got[0].Data, shown)
		}
	}
}
