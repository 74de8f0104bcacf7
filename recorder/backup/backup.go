package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"lockbox/recorder/proof"
)

// A Maker makes backups of one ledger while it runs. Its fields are set before
// its first use.
type Maker struct {
	Ledger  *ledger.Ledger
	Options ledger.Options                                        // of that ledger: what is restored is opened with them
	Copy    func(ctx context.Context, w io.Writer) (int64, error) // the ledger's engine, as one snapshot
	Store   string                                                // path of the ledger; its folder holds what is open for a while
	Files   func() (map[string]Source, error)                     // what else belongs in it, by name; asked each time
	Keys    bool                                                  // keys are among Files
	To      []age.Recipient                                       // who can open it; all post-quantum, or none
	Dir     string                                                // where they are kept; made when missing
	Actor   string                                                // in whose name events are written

	mu sync.Mutex // one at a time
}

// A Source is a file to put into a backup.
type Source struct {
	Role Role
	Path string
}

// Made is what came of one run.
type Made struct {
	Path       string        `json:"path"`
	Kind       Kind          `json:"kind"`
	Size       int64         `json:"size"`
	SHA256     string        `json:"sha256"`
	Checkpoint string        `json:"checkpoint"` // that the restored ledger ends at
	Events     int64         `json:"events"`
	Keys       bool          `json:"keys"`
	Took       time.Duration `json:"took"`
	Deleted    []string      `json:"deleted,omitempty"`
}

// Make makes a backup of a kind in Dir. It has its name only once it was read
// back, opened, restored and found whole; then drop, which the event names, goes.
func (m *Maker) Make(ctx context.Context, kind Kind, drop ...Name) (Made, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keep(ctx, kind, drop...)
}

// keep is Make for who holds mu.
func (m *Maker) keep(ctx context.Context, kind Kind, drop ...Name) (Made, error) {
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return Made{}, fmt.Errorf("make a backup: %w", err)
	}
	made, err := m.make(ctx, kind, "")
	if err != nil {
		return Made{}, err
	}
	for _, n := range drop {
		made.Deleted = append(made.Deleted, n.String())
	}
	if err := m.tell(ctx, made); err != nil { // before anything goes
		return made, err
	}
	for _, name := range made.Deleted {
		if err := os.Remove(filepath.Join(m.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return made, fmt.Errorf("delete an old backup: %w", err)
		}
	}
	return made, nil
}

// MakeTo makes a backup under a path that nothing has yet. It is outside of the
// schedule.
func (m *Maker) MakeTo(ctx context.Context, path string) (Made, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	made, err := m.make(ctx, Asked, path)
	if err != nil {
		return Made{}, err
	}
	return made, m.tell(ctx, made)
}

// make writes it down when it fails.
func (m *Maker) make(ctx context.Context, kind Kind, path string) (made Made, err error) {
	quietly(func() { made, err = m.run(ctx, kind, path) })
	if err == nil {
		return made, nil
	}
	err = fmt.Errorf("make a backup: %w", err)
	late := m.Ledger.Update(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{
			Kind: "backup.failed", Actor: m.Actor, Detail: map[string]string{"kind": string(kind)},
			Private: map[string]string{"why": strings.ToValidUTF8(err.Error()[:min(len(err.Error()), 500)], "")},
		})
		return err
	})
	return Made{}, errors.Join(err, late)
}

func (m *Maker) tell(ctx context.Context, made Made) error {
	c, err := proof.Peek([]byte(made.Checkpoint)) // it was verified
	if err != nil {
		return err
	}
	return m.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{
			Kind: "backup.made", Actor: m.Actor,
			Detail: map[string]string{
				"kind": string(made.Kind), "file": filepath.Base(made.Path), "bytes": strconv.FormatInt(made.Size, 10), "sha256": made.SHA256,
				"size": strconv.FormatInt(c.N, 10), "root": c.Hash.String(), "seconds": strconv.FormatFloat(made.Took.Seconds(), 'f', 1, 64),
				"keys": strconv.FormatBool(made.Keys), "deletes": strings.Join(made.Deleted, " "), "verified": "by restoring",
			},
		})
		return err
	})
}

// run makes one. Nothing has the final name unless it returns no error.
func (m *Maker) run(ctx context.Context, kind Kind, path string) (made Made, err error) {
	began, halves := m.now(), part+filepath.Base(path)
	if path == "" {
		halves = part + prefix
		path = filepath.Join(m.Dir, Name{began.UTC().Truncate(time.Second), kind}.String())
	}
	if _, err := os.Lstat(path); err == nil {
		return made, fmt.Errorf("%s is there already, and nothing is overwritten: try again in a second, or give another name", path)
	}
	dir, beside := filepath.Dir(path), filepath.Dir(m.Store)
	if err := errors.Join(sweep(dir, halves), sweep(beside, work), m.room(dir, beside)); err != nil {
		return made, err
	}
	open, err := os.MkdirTemp(beside, work) // 0700
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(open)) }()
	half := filepath.Join(dir, part+filepath.Base(path))
	defer func() {
		if err != nil {
			_ = os.Remove(half) // or it was never there, or is swept next time
		}
	}()
	box, err := m.seal(ctx, half, open, began, kind)
	if err != nil {
		return made, err
	}
	last, err := m.verify(ctx, box, half, open)
	if err != nil {
		return made, fmt.Errorf("it was written, and cannot be restored: %w", err)
	}
	if err := errors.Join(publish(half, path), syncDir(dir)); err != nil {
		return made, err
	}
	return Made{
		Path: path, Kind: kind, Size: box.size, SHA256: box.sum, Keys: m.Keys, Took: m.now().Sub(began),
		Checkpoint: string(last.Note), Events: last.N,
	}, nil
}

// publish gives a verified file its name, and never takes another's.
func publish(half, path string) error {
	switch err := os.Link(half, path); {
	case err == nil:
		return os.Remove(half)
	case errors.Is(err, os.ErrExist):
		return err
	}
	return os.Rename(half, path) // where there are no links; that path was free was asked before
}

// room asks for what a run takes at most: the copy or what is restored from it,
// and the sealed file.
func (m *Maker) room(dir, beside string) error {
	info, err := os.Stat(m.Store)
	if err != nil {
		return err
	}
	const more = 64 << 20
	need := info.Size() + more
	same, err := sameDisk(dir, beside)
	if err != nil {
		return err
	}
	if same {
		return room(dir, need+info.Size())
	}
	return errors.Join(room(dir, need), room(beside, need))
}

// A box is a sealed file, and how to open it once.
type box struct {
	manifest Manifest
	signed   []byte
	size     int64
	sum      string
	key      age.Identity
}

// seal copies the ledger into open, and everything, sealed, into half.
func (m *Maker) seal(ctx context.Context, half, open string, began time.Time, kind Kind) (b box, err error) {
	b.manifest = Manifest{
		Version: version, Log: m.Options.Origin, Kind: kind, Made: began.UTC().Truncate(time.Second),
		Checkpoint: string(m.Ledger.Checkpoint()), Keys: m.Keys, // taken before the copy: the copy has at least this
	}
	at, err := m.gather(ctx, &b.manifest, open)
	if err != nil {
		return b, err
	}
	if b.signed, err = b.manifest.sign(m.Options.Signer); err != nil {
		return b, err
	}
	to, key, err := m.recipients()
	if err != nil {
		return b, err
	}
	b.key = key
	b.size, b.sum, err = fill(ctx, half, func(w io.Writer) error {
		sealed, err := age.Encrypt(w, to...)
		if err != nil {
			return err
		}
		return errors.Join(pack(sealed, b.manifest, b.signed, func(f File) string { return at[f.Name] }), sealed.Close())
	})
	return b, errors.Join(err, os.Remove(at[ledgerName]))
}

const ledgerName = "ledger.db"

// recipients are who can open it, and this run alone.
func (m *Maker) recipients() ([]age.Recipient, age.Identity, error) {
	if len(m.To) == 0 {
		return nil, nil, errors.New("there is nobody to seal it to")
	}
	if _, classic := m.To[0].(*age.X25519Recipient); classic {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, nil, err
		}
		return append([]age.Recipient{id.Recipient()}, m.To...), id, nil
	}
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, nil, err
	}
	return append([]age.Recipient{id.Recipient()}, m.To...), id, nil
}

func (m *Maker) now() time.Time {
	if m.Options.Now == nil {
		return time.Now()
	}
	return m.Options.Now()
}

// verify reads the file back, restores it, and holds it against the ledger that runs.
func (m *Maker) verify(ctx context.Context, b box, half, open string) (last proof.Checkpoint, err error) {
	dir := filepath.Join(open, "restored")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return last, err
	}
	f, err := os.Open(half)
	if err != nil {
		return last, err
	}
	defer func() { _ = f.Close() }() // read only
	u, err := Unpack(ending{ctx, f}, dir, b.key)
	if err != nil {
		return last, err
	}
	if string(u.Signed) != string(b.signed) {
		return last, errors.New("the manifest is another one")
	}
	return m.compare(ctx, u)
}

// compare opens the restored ledger with a full check, and asks each of the two
// ledgers whether it leads on from the other.
func (m *Maker) compare(ctx context.Context, u Unpacked) (last proof.Checkpoint, err error) {
	o := m.Options
	o.Newest = nil // nobody reads rows from it
	restored, err := Open(ctx, u, o)
	if err != nil {
		return last, err
	}
	defer func() { err = errors.Join(err, restored.Close()) }()
	from, err := proof.Open([]byte(u.Checkpoint), m.Options.Origin, m.Options.Verifier)
	if err != nil {
		return last, err
	}
	if err := restored.Extends(ctx, from); err != nil {
		return last, fmt.Errorf("what was in the ledger when it began is missing: %w", err)
	}
	if last, err = proof.Open(restored.Checkpoint(), m.Options.Origin, m.Options.Verifier); err != nil {
		return last, err
	}
	return last, m.Ledger.Extends(ctx, last)
}

// Open opens the ledger of an unpacked backup, whose manifest the log's key must
// have signed, with a full check.
func Open(ctx context.Context, u Unpacked, o ledger.Options) (*ledger.Ledger, error) {
	if err := signedBy(u.Signed, o.Verifier); err != nil {
		return nil, err
	}
	if u.Log != o.Origin {
		return nil, fmt.Errorf("the backup is of the log %q, not of %q", u.Log, o.Origin)
	}
	engine, err := boltengine.Open(u.Path(u.Files[0]))
	if err != nil {
		return nil, err
	}
	l, err := ledger.Open(ctx, engine, o)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return l, nil
}

// ending is a reader that ends with its context.
type ending struct {
	ctx context.Context
	r   io.Reader
}

func (e ending) Read(b []byte) (int, error) {
	if err := context.Cause(e.ctx); err != nil {
		return 0, err
	}
	return e.r.Read(b)
}
