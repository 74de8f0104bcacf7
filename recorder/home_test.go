package recorder

import (
	"os"
	"testing"
)

func TestAFolderInPlaceOfTheOneThatWasThereTakesNoRecording(t *testing.T) {
	r := newRig(t)
	must(t, r.Ready())
	must(t, os.Rename(r.Dir, r.Dir+".away"))
	if err := r.Ready(); err == nil {
		t.Error("without its folder the shelf is ready")
	}
	must(t, os.Mkdir(r.Dir, 0o700)) // as a mount point without its disk
	if _, err := r.Open(Session{ID: NewID(r.now())}, How{}); err == nil {
		t.Error("a recording is opened in another folder")
	}
	must(t, os.Remove(r.Dir))
	must(t, os.Rename(r.Dir+".away", r.Dir))
	must(t, r.Ready())
}
