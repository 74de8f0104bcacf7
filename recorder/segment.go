package recorder

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

// Sizes of a segment.
const (
	segmentLines = 255 << 10 // bytes of lines that are written, before compression
	segmentMost  = 2 << 20   // bytes of a file, or of its lines: read no more
	headSize     = 120
	segmentMagic = "lbxseg01"
)

// rebuilt marks a segment that was put together from the journal after a crash.
const rebuilt = 1

// A head is the clear beginning of a segment, all of it authenticated.
type head struct {
	session string
	track   string
	number  uint32 // in the track
	ordinal uint32 // in the recording
	at      int64  // ms from the track's beginning to the event before the first
	size    uint32 // of the lines, before compression
	flags   byte
	salt    [16]byte // chance: no two seals have the same key, whatever crashes
	prev    [32]byte // SHA-256 of the track's segment before; zero for the first
}

// bytes lays a head out: FORMAT.md.
func (h head) bytes() []byte {
	b := make([]byte, headSize)
	copy(b, segmentMagic)
	copy(b[8:34], h.session)
	copy(b[34:50], h.track)
	binary.BigEndian.PutUint32(b[50:], h.number)
	binary.BigEndian.PutUint32(b[54:], h.ordinal)
	binary.BigEndian.PutUint64(b[58:], uint64(h.at))
	binary.BigEndian.PutUint32(b[66:], h.size)
	b[70] = h.flags
	copy(b[72:88], h.salt[:])
	copy(b[88:], h.prev[:])
	return b
}

// parseHead reads the head of a segment. What it accepts, bytes gives back the same.
func parseHead(seg []byte) (head, error) {
	if len(seg) < headSize || string(seg[:8]) != segmentMagic {
		return head{}, errors.New("not a segment of version 1")
	}
	h := head{
		session: string(seg[8:34]),
		track:   string(bytes.TrimRight(seg[34:50], "\x00")),
		number:  binary.BigEndian.Uint32(seg[50:]),
		ordinal: binary.BigEndian.Uint32(seg[54:]),
		at:      int64(binary.BigEndian.Uint64(seg[58:])),
		size:    binary.BigEndian.Uint32(seg[66:]),
		flags:   seg[70],
	}
	copy(h.salt[:], seg[72:])
	copy(h.prev[:], seg[88:])
	if err := errors.Join(checkID(h.session), checkTrack(h.track)); err != nil {
		return head{}, err
	}
	if h.flags > rebuilt || seg[71] != 0 || h.at < 0 || h.size > segmentMost {
		return head{}, errors.New("a field of the head is out of range")
	}
	return h, nil
}

// key is what seals the segment, from the track's secret for it.
func (h head) key(chain secret) secret { return chain.derive(labelSegment, string(h.salt[:])) }

// seal closes lines under a head, which it fills in. The nonce is zero: each
// key seals once, for the salt is new each time.
func (h head) seal(chain secret, enc *zstd.Encoder, lines []byte) []byte {
	h.size = uint32(len(lines))
	_, _ = rand.Read(h.salt[:]) // never fails
	clear := h.bytes()
	box := h.key(chain).box()
	seg := append(make([]byte, 0, headSize+len(lines)/3+64), clear...)
	seg = enc.EncodeAll(lines, seg)
	return box.Seal(seg[:headSize], make([]byte, box.NonceSize()), seg[headSize:], clear) // in place
}

// open gives the lines of a segment back.
func (h head) open(chain secret, dec *zstd.Decoder, seg []byte) ([]byte, error) {
	return h.unseal(h.key(chain), dec, seg)
}

// unseal is open with the segment's own key.
func (h head) unseal(key secret, dec *zstd.Decoder, seg []byte) ([]byte, error) {
	box := key.box()
	text, err := box.Open(nil, make([]byte, box.NonceSize()), seg[headSize:], seg[:headSize])
	if err != nil {
		return nil, errors.New("the key does not open it")
	}
	lines, err := dec.DecodeAll(text, make([]byte, 0, h.size))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if len(lines) != int(h.size) {
		return nil, fmt.Errorf("%d bytes of lines instead of %d", len(lines), h.size)
	}
	return lines, nil
}

// A Segment is a closed piece of a track, as the manifest names it.
type Segment struct {
	Track  string
	Number int
	Size   int64
	Hash   [32]byte // SHA-256 of the file
}

func segmentOf(h head, seg []byte) Segment {
	return Segment{Track: h.track, Number: int(h.number), Size: int64(len(seg)), Hash: sha256.Sum256(seg)}
}

// Name is the segment's file: "pty0/000000.seg".
func (s Segment) Name() string { return segmentName(s.Track, s.Number) }

func segmentName(track string, number int) string {
	n := strconv.Itoa(number)
	return track + "/" + "000000"[min(len(n), 6):] + n + ".seg"
}

// line is the segment's line in the manifest, and its leaf in the tree.
func (s Segment) line() string { return fmt.Sprintf("segment %s %d %x\n", s.Name(), s.Size, s.Hash) }

func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(256<<10),
		zstd.WithLowerEncoderMem(true), zstd.WithAllLitEntropyCompression(true), zstd.WithEncoderCRC(false)) // the box tells damage
}

func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(segmentMost))
}
