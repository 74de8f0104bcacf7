package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	maxEntry   = 1<<16 - 1                  // bytes: what an entry bundle can hold
	maxBundle  = tileWidth * (2 + maxEntry) // bytes
	entries    = -1                         // the level of the bundles of entries
)

// TilePath is where the hashes of a tile of a log stand (C2SP tlog-tiles):
// "tile/0/x001/234", "tile/0/x001/235.p/17". A full tile is 256 wide.
func TilePath(level int, n int64, width int) string {
	return "tile/" + strconv.Itoa(level) + "/" + tileNumber(n, width)
}

// EntriesPath is where the entries below the tile of level 0 stand.
func EntriesPath(n int64, width int) string { return "tile/entries/" + tileNumber(n, width) }

func tileNumber(n int64, width int) string {
	out := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		out = fmt.Sprintf("x%03d/%s", n%1000, out)
	}
	if width != tileWidth {
		out += ".p/" + strconv.Itoa(width)
	}
	return out
}

func tilePath(level int, n int64, width int) string {
	if level == entries {
		return EntriesPath(n, width)
	}
	return TilePath(level, n, width)
}

// AppendEntry adds an entry to a bundle.
func AppendEntry(bundle, entry []byte) ([]byte, error) {
	if len(entry) > maxEntry {
		return nil, fmt.Errorf("an entry of %d bytes: a bundle takes at most %d", len(entry), maxEntry)
	}
	return append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...), nil
}

// splitBundle adds the entries of a bundle, which are parts of it, to out.
func splitBundle(out [][]byte, b []byte, width int) ([][]byte, error) {
	for len(b) > 0 {
		if len(out) == width || len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return nil, fmt.Errorf("it is not %d entries", width)
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		out, b = append(out, b[2:n:n]), b[n:]
	}
	if len(out) != width {
		return nil, fmt.Errorf("it has %d entries, not %d", len(out), width)
	}
	return out, nil
}

// hashes is how many of a level a tree of n entries has.
func hashes(level int, n int64) int64 {
	if level == entries {
		level = 0
	}
	return n >> (tileHeight * level)
}

// tileAt reads a path as a tile that a tree of n entries has.
func tileAt(path string, n int64) bool {
	rest, ok := strings.CutPrefix(path, "tile/")
	kind, rest, cut := strings.Cut(rest, "/")
	level, err := strconv.Atoi(kind)
	if kind == "entries" {
		level, err = entries, nil
	}
	if !ok || !cut || err != nil || level < entries || level > 7 {
		return false
	}
	rest, _, _ = strings.Cut(rest, ".p/")
	digits := strings.NewReplacer("/", "", "x", "").Replace(rest)
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number < 0 {
		return false
	}
	width := widthOf(level, number, n)
	return width > 0 && tilePath(level, number, width) == path // so it is spelled in the one way
}

// widthOf is how wide tile number of a level is in a tree of n entries; 0 where there is none.
func widthOf(level int, number, n int64) int {
	all := hashes(level, n)
	if number > all>>tileHeight {
		return 0
	}
	return int(min(all-number<<tileHeight, tileWidth))
}

// read reads a file of at most most bytes, into b where it has room.
func read(b []byte, files fs.FS, path string, most int64) ([]byte, error) {
	f, err := files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a plain file", path)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has %d bytes, at most %d", path, info.Size(), most)
	}
	b = slices.Grow(b[:0], int(info.Size()))[:info.Size()]
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if n, _ := f.Read(make([]byte, 1)); n > 0 {
		return nil, fmt.Errorf("%s grows while it is read", path)
	}
	return b, nil
}

// tile reads the hashes of a tile.
func (w Whole) tile(level int, n int64, width int) ([]byte, error) {
	path := TilePath(level, n, width)
	b, err := read(nil, w.Files, path, tileWidth*tlog.HashSize)
	if err == nil && len(b) != width*tlog.HashSize {
		err = fmt.Errorf("%s has %d bytes, not %d hashes", path, len(b), width)
	}
	return b, err
}

// A tileReader lets sumdb/tlog read the hashes, which it holds against the root of the tree.
type tileReader struct{ Whole }

func (tileReader) Height() int                     { return tileHeight }
func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		var err error
		if out[i], err = r.tile(t.L, t.N, t.W); err != nil {
			return nil, err
		}
	}
	return out, nil
}
