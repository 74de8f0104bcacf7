package recorder

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
)

const (
	httpGolden = "testdata/golden/http"
	httpID     = "06H0000000000000000HTTPTST"
)

// writeHTTP makes testdata/golden/http anew, see writeKinds:
// LOCKBOX_TEST_GOLDEN=http go test -run HTTPDecodes
func writeHTTP(t *testing.T) {
	must(t, os.RemoveAll(httpGolden))
	skey, vkey := noteKeys(t)
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	r := rig{Shelf: shelfOf(t, t.TempDir(), id.Recipient(), skey, vkey), id: id}
	r.AtRest = [32]byte{1}
	synctest.Test(t, func(t *testing.T) {
		w := words()
		w.ID = httpID
		rec, err := r.Open(w, How{})
		must(t, err)
		tr, err := rec.Track(Header{Kind: "http", Command: "wiki"})
		must(t, err)
		browse(t, tr)
		closed(t, rec)
	})
	must(t, os.CopyFS(httpGolden+"/"+httpID, os.DirFS(r.folder(t, httpID))))
	must(t, os.WriteFile(httpGolden+"/keys", []byte(id.String()+"\n"+vkey+"\n"+r.key(t, httpID)+"\n"), 0o600))
	p, err := Open(httpGolden+"/"+httpID, id)
	must(t, err)
	var har bytes.Buffer
	must(t, p.HAR(&har, "http0", Form{}))
	must(t, os.WriteFile(httpGolden+"/want.har", har.Bytes(), 0o600))
}

func TestARecordingOfHTTPDecodesForEver(t *testing.T) {
	if os.Getenv("LOCKBOX_TEST_GOLDEN") == "http" {
		writeHTTP(t)
	}
	b, err := os.ReadFile(httpGolden + "/keys")
	must(t, err)
	keys := strings.Fields(string(b))
	id, err := age.ParseHybridIdentity(keys[0])
	must(t, err)
	v, err := note.NewVerifier(keys[1])
	must(t, err)
	folder := httpGolden + "/" + httpID
	_, err = Verify(folder, v)
	must(t, err)
	p, err := Open(folder, id)
	must(t, err)
	var har bytes.Buffer
	must(t, p.HAR(&har, "http0", Form{}))
	want, err := os.ReadFile(httpGolden + "/want.har")
	must(t, err)
	if d := cmp.Diff(string(want), har.String()); d != "" {
		t.Error("want -, got +", d)
	}
	if got, want := python(t, folder, "http0", keys[2], CodeObject), stream(events(t, p, "http0"), CodeObject); !bytes.Equal(got, want) {
		t.Errorf("the second reader: got %q, want %q", got, want)
	}
}
