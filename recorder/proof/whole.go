package proof

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"runtime"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// A Whole is a log as files (C2SP tlog-tiles): "checkpoint", "tile/<L>/<N>",
// "tile/entries/<N>". It has every file of its tree, and no other.
type Whole struct {
	Files fs.FS
}

// Checkpoint is the log's own: to be opened before it is believed.
func (w Whole) Checkpoint() ([]byte, error) { return read(nil, w.Files, "checkpoint", maxCheckpoint) }

// Verify reads every entry of the log, hands each to entry in order, and says
// whether they lead to c, and every hash of the tiles too. What entry is given
// is not believed before Verify returns nil, and not kept: the bytes are used
// again. Memory does not grow with the log.
func (w Whole) Verify(c Checkpoint, entry func(index int64, leaf []byte) error) error {
	if err := w.nothingElse(c); err != nil {
		return err
	}
	t := grower{w: w}
	for b := range w.bundles(c.N) {
		if b.err != nil {
			return b.err
		}
		for i, leaf := range b.entries {
			if err := entry(b.n<<tileHeight+int64(i), leaf); err != nil {
				return err
			}
		}
		if err := t.add(0, b.hashes...); err != nil {
			return err
		}
	}
	root, err := t.root()
	switch {
	case err != nil:
		return err
	case root != c.Hash:
		return fmt.Errorf("the %d entries do not hash to the root that was signed", c.N)
	}
	return nil
}

// Growth proves that c grew from the first old entries, out of w's own tiles,
// which it holds against c.
func (w Whole) Growth(c Checkpoint, old int64) (Growth, error) {
	switch {
	case old < 0, old > c.N:
		return Growth{}, fmt.Errorf("the log has %d entries: it did not grow from %d", c.N, old)
	case old == 0, old == c.N:
		return Growth{Old: old}, nil
	}
	p, err := tlog.ProveTree(c.N, old, tlog.TileHashReader(c.Tree, tileReader{w}))
	if err != nil {
		return Growth{}, fmt.Errorf("prove the growth: %w", err)
	}
	return Growth{old, p}, nil
}

// nothingElse refuses a file that such a log does not have: nobody would look at what it says.
func (w Whole) nothingElse(c Checkpoint) error {
	return fs.WalkDir(w.Files, ".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("read the files of the log: %w", err)
		case e.IsDir(), path == "checkpoint", tileAt(path, c.N):
			return nil
		}
		return fmt.Errorf("%q is no file of a log of %d entries", path, c.N)
	})
}

// A bundle is up to 256 entries, read and hashed.
type bundle struct {
	n       int64
	data    []byte
	entries [][]byte // of data
	hashes  []tlog.Hash
	err     error
}

// bundles gives them in order, while others are read and hashed beside.
func (w Whole) bundles(size int64) func(yield func(bundle) bool) {
	return func(yield func(bundle) bool) {
		count := (size + tileWidth - 1) >> tileHeight
		lanes := make([]chan bundle, min(int64(runtime.GOMAXPROCS(0)), max(count, 1)))
		stop := make(chan struct{})
		var wg sync.WaitGroup
		defer wg.Wait()
		defer close(stop)
		for i := range lanes {
			lanes[i] = make(chan bundle, 1)
			wg.Go(func() {
				var turns [3]bundle // one that is made, one that waits, one that is looked at
				for n, turn := int64(i), 0; n < count; n, turn = n+int64(len(lanes)), turn+1 {
					b := &turns[turn%len(turns)]
					b.fill(w, n, size)
					select {
					case lanes[i] <- *b:
					case <-stop:
						return
					}
				}
			})
		}
		for n := range count {
			if !yield(<-lanes[n%int64(len(lanes))]) {
				return
			}
		}
	}
}

// fill reads a bundle and holds it against the tile of its hashes.
func (b *bundle) fill(w Whole, n, size int64) {
	width := widthOf(entries, n, size)
	path := EntriesPath(n, width)
	b.n = n
	if b.data, b.err = read(b.data[:0], w.Files, path, maxBundle); b.err != nil {
		return
	}
	if b.entries, b.err = splitBundle(b.entries[:0], b.data, width); b.err != nil {
		b.err = fmt.Errorf("%s: %w", path, b.err)
		return
	}
	b.hashes = b.hashes[:0]
	at := 0
	for _, e := range b.entries {
		at += 2
		b.data[at-1] = 0 // its length is read: RFC 6962 wants a zero before the entry
		b.hashes = append(b.hashes, sha256.Sum256(b.data[at-1:at+len(e)]))
		at += len(e)
	}
	b.err = w.compare(0, n, b.hashes)
}

// compare holds a tile against the hashes that it must have.
func (w Whole) compare(level int, n int64, want []tlog.Hash) error {
	got, err := w.tile(level, n, len(want))
	if err != nil {
		return err
	}
	for i, h := range want {
		if !bytes.Equal(got[i*tlog.HashSize:(i+1)*tlog.HashSize], h[:]) {
			below := "the entries"
			if level > 0 {
				below = "the tiles below"
			}
			return fmt.Errorf("hash %d of %s is not that of %s", i, TilePath(level, n, len(want)), below)
		}
	}
	return nil
}

// A grower grows a tree and holds its tiles above level 0 against the files.
type grower struct {
	w      Whole
	levels []level
}

type level struct {
	n    int64       // tiles that are full
	open []tlog.Hash // of the tile that is not
}

func (t *grower) add(at int, hs ...tlog.Hash) error {
	if at == len(t.levels) {
		t.levels = append(t.levels, level{})
	}
	l := &t.levels[at]
	if l.open = append(l.open, hs...); len(l.open) < tileWidth {
		return nil
	}
	if at > 0 {
		if err := t.w.compare(at, l.n, l.open); err != nil {
			return err
		}
	}
	h := perfect(l.open)
	l.n, l.open = l.n+1, l.open[:0]
	return t.add(at+1, h)
}

// root closes the tree.
func (t *grower) root() (tlog.Hash, error) {
	var peaks []tlog.Hash // from left to right
	for at := len(t.levels) - 1; at >= 0; at-- {
		l := t.levels[at]
		if at > 0 && len(l.open) > 0 {
			if err := t.w.compare(at, l.n, l.open); err != nil {
				return tlog.Hash{}, err
			}
		}
		for half, rest := tileWidth/2, l.open; half > 0; half /= 2 {
			if len(rest) >= half {
				peaks, rest = append(peaks, perfect(rest[:half])), rest[half:]
			}
		}
	}
	if len(peaks) == 0 {
		return sha256.Sum256(nil), nil
	}
	root := peaks[len(peaks)-1]
	for i := len(peaks) - 2; i >= 0; i-- {
		root = tlog.NodeHash(peaks[i], root)
	}
	return root, nil
}

// perfect is the root over a power of two of hashes, which it uses up.
func perfect(hs []tlog.Hash) tlog.Hash {
	for n := len(hs); n > 1; n /= 2 {
		for i := range n / 2 {
			hs[i] = tlog.NodeHash(hs[2*i], hs[2*i+1])
		}
	}
	return hs[0]
}
