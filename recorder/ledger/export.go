package ledger

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight is that of C2SP tlog-tiles: 256 hashes or entries a tile.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// Export writes the whole log as a tar of C2SP tlog-tiles: "checkpoint", then
// "tile/entries/<N>[.p/<W>]" and "tile/<L>/<N>[.p/<W>]" as they become full.
// The bytes are the same for the same checkpoint. Nothing in it is personal. It
// is whole only if there was no error: the log is held against its checkpoint
// while it is written. Nobody is kept waiting meanwhile.
func (g Log) Export(ctx context.Context, to io.Writer) error {
	var t tlog.Tree
	var note []byte
	err := g.read(ctx, func(now, main *tree) (err error) {
		t = now.Tree
		note, err = g.checkpoint(now, main)
		return err
	})
	if err != nil {
		return err
	}
	x := exporter{out: tar.NewWriter(to)}
	if err := x.file("checkpoint", note); err != nil {
		return err
	}
	for n := int64(0); n < t.N; n += tileWidth {
		if err := g.bundle(ctx, &x, n, min(t.N-n, tileWidth)); err != nil {
			return fmt.Errorf("export %s: %w", g.Origin(), err)
		}
	}
	if err := x.rest(); err != nil {
		return err
	}
	if x.edge.root() != t.Hash {
		return fmt.Errorf("export %s: %w", g.Origin(), tampered("the entries do not lead to the checkpoint"))
	}
	return x.out.Close()
}

// bundle writes the entries from n on.
func (g Log) bundle(ctx context.Context, x *exporter, n, width int64) error {
	var b []byte
	err := g.read(ctx, func(t, _ *tree) error {
		for i := n; i < n+width; i++ {
			leaf, err := t.Get(at(inLog, i))
			if err != nil {
				return err
			}
			if leaf == nil || len(leaf) > maxLeaf {
				return tampered("entry %d is missing", i)
			}
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(leaf))), leaf...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := x.file(tilePath("entries", n/tileWidth, width), b); err != nil {
		return err
	}
	for len(b) > 0 {
		size := 2 + int(binary.BigEndian.Uint16(b))
		if err := x.add(tlog.RecordHash(b[2:size])); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// An exporter keeps one unfinished tile of each level.
type exporter struct {
	out   *tar.Writer
	edge  edge
	n     int64
	tiles []tile
}

type tile struct {
	n      int64 // which it is
	hashes []tlog.Hash
}

func (x *exporter) file(name string, b []byte) error {
	h := tar.Header{Name: name, Mode: 0o444, Size: int64(len(b)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := x.out.WriteHeader(&h); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if _, err := x.out.Write(b); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// add takes the hash of the next entry.
func (x *exporter) add(h tlog.Hash) error {
	_ = x.edge.add(x.n, h, func(int64, tlog.Hash) error { return nil }) // nothing to compare with
	x.n++
	for level := 0; ; level++ {
		if level == len(x.tiles) {
			x.tiles = append(x.tiles, tile{})
		}
		t := &x.tiles[level]
		t.hashes = append(t.hashes, h)
		if len(t.hashes) < tileWidth {
			return nil
		}
		if err := x.write(level, *t); err != nil {
			return err
		}
		h = above(t.hashes)
		t.n, t.hashes = t.n+1, t.hashes[:0]
	}
}

// above is the hash over a full tile.
func above(hs []tlog.Hash) tlog.Hash {
	hs = append([]tlog.Hash(nil), hs...)
	for ; len(hs) > 1; hs = hs[:len(hs)/2] {
		for i := range len(hs) / 2 {
			hs[i] = tlog.NodeHash(hs[2*i], hs[2*i+1])
		}
	}
	return hs[0]
}

// rest writes the tiles that are not full.
func (x *exporter) rest() error {
	for level, t := range x.tiles {
		if len(t.hashes) == 0 {
			continue
		}
		if err := x.write(level, t); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) write(level int, t tile) error {
	var b bytes.Buffer
	for _, h := range t.hashes {
		b.Write(h[:])
	}
	return x.file(tilePath(strconv.Itoa(level), t.n, int64(len(t.hashes))), b.Bytes())
}

// tilePath is "tile/<level>/x001/x234/067", with ".p/<width>" where it is not full.
func tilePath(level string, n, width int64) string {
	p := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		p = fmt.Sprintf("x%03d/%s", n%1000, p)
	}
	name := strings.Join([]string{"tile", level, p}, "/")
	if width < tileWidth {
		name += ".p/" + strconv.FormatInt(width, 10)
	}
	return name
}
