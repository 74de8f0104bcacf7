package archive

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"lockbox/recorder"
	"lockbox/recorder/archive"
)

const childEnv = "LOCKBOX_TEST_KEEPER" // the folder of the recordings

// child keeps a folder until it is killed.
func child() {
	verifier, err := note.NewVerifier(os.Getenv("LOCKBOX_TEST_VERIFIER"))
	if err != nil {
		panic(err)
	}
	s, err := archive.OpenStore(context.Background(), os.Getenv("LOCKBOX_TEST_STORE"))
	if err != nil {
		panic(err)
	}
	k := &archive.Keeper{Store: s, Shelf: &recorder.Shelf{Dir: os.Getenv(childEnv), Verifier: verifier}}
	_ = k.Run(context.Background()) // never ends
}

func TestAKeeperThatIsKilledGoesOn(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := newWorld(t, p.url("", p.secret))
		ids := []string{w.record(t), w.record(t)}
		url := p.url(slow(t, p.addr, 1<<20, 0), p.secret)
		for n := range 6 {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), childEnv+"="+w.Shelf.Dir, "LOCKBOX_TEST_VERIFIER="+w.vkey, "LOCKBOX_TEST_STORE="+url)
			c.Stderr = os.Stderr
			must(t, c.Start())
			<-time.After(time.Duration(100+150*n) * time.Millisecond) // somewhere in an upload
			_ = c.Process.Kill()                                      // as intended
			_ = c.Wait()                                              // killed
		}
		next := &world{vkey: w.vkey, Keeper: &archive.Keeper{Shelf: w.Shelf, Store: w.Store, Vault: w.Vault}}
		next.Report = next.report
		next.run(t)
		next.stored(t, ids...)
		for _, id := range ids {
			for name, text := range next.content(t, id) {
				if p.get(t, filepath.Join("some/prefix", next.folder(t, id), name)) != text {
					t.Errorf("%s/%s is not the same there", id, name)
				}
			}
		}
		if got := next.reports(); got != "[]" {
			t.Errorf("told %s", got)
		}
	})
}

func TestAServerThatIsKilledInAnUploadLosesNothing(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := newWorld(t, p.url(slow(t, p.addr, 1<<20, 0), p.secret))
		w.run(t)
		id := w.record(t)
		<-time.After(200 * time.Millisecond) // somewhere in an upload
		if p.scheme == "s3" {
			p.kill()
		} else {
			p.stop(t) // see there
		}
		p.start(t)
		w.stored(t, id)
		for name, text := range w.content(t, id) {
			if p.get(t, filepath.Join("some/prefix", w.folder(t, id), name)) != text {
				t.Errorf("%s is not the same there", name)
			}
		}
	})
}
