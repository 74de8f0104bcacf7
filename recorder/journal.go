package recorder

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The journal holds what no closed segment holds yet, and the secrets to go on
// with, sealed under the gateway's at-rest key. It begins anew when a segment
// closes: what would open the closed segment is then gone.
//
// File: "lbxopen1", session, salt[32]; then records of a length (4 bytes), a
// track (2 bytes) and a box. A box's nonce is the record's position in the
// file; its additional data are the file's beginning, the position and the track.
const (
	journalName  = "open"
	journalMagic = "lbxopen1"
	journalHead  = len(journalMagic) + 26 + 32
	journalMost  = 64 << 20 // bytes of a journal file: read no more
	recordHead   = 6
	maxTracks    = 0xff00

	ofState = 0xffff // a record of the whole state, as JSON; the first is one
	ofTrack = 0xfffe // a record of one new track, as JSON
)

// A state is what a recording goes on from.
type state struct {
	Session  Session      `json:"session"`
	Key      []byte       `json:"key"`  // SHA-256 of key.age
	Next     []byte       `json:"next"` // secret of the tracks to come
	Segments int          `json:"segments"`
	Tracks   []trackState `json:"tracks"`
}

type trackState struct {
	Name   string    `json:"name"`
	Began  time.Time `json:"began"`
	Number uint32    `json:"number"`          // of the open segment
	Chain  []byte    `json:"chain,omitempty"` // its secret; none once the track has ended
	Prev   []byte    `json:"prev"`
	At     int64     `json:"at"` // ms, as in head
}

// newTrack is a state's change by one track.
type newTrack struct {
	Next  []byte     `json:"next"`
	Track trackState `json:"track"`
}

type journal struct {
	file *file
	box  cipher.AEAD
	head []byte
	n    uint64 // position of the next record
	buf  []byte // records not written yet
}

// newJournal begins a journal in a new file. It is on disk after flush.
func newJournal(d *disk, name, session string, atRest secret) (*journal, error) {
	f, err := d.anew(name)
	if err != nil {
		return nil, err
	}
	h := make([]byte, journalHead)
	copy(h, journalMagic)
	copy(h[len(journalMagic):], session)
	_, _ = rand.Read(h[len(journalMagic)+26:]) // never fails
	return &journal{file: f, head: h, box: journalBox(h, atRest), buf: h}, nil
}

func journalBox(head []byte, atRest secret) cipher.AEAD {
	return atRest.derive(labelJournal, string(head)).box()
}

// add takes a record in; flush makes it durable.
func (j *journal) add(of uint16, data []byte) {
	nonce, bind := recordBinding(j.head, j.n, of)
	j.buf = binary.BigEndian.AppendUint32(j.buf, uint32(len(data)+j.box.Overhead()))
	j.buf = binary.BigEndian.AppendUint16(j.buf, of)
	j.buf = j.box.Seal(j.buf, nonce, data, bind)
	j.n++
}

// recordBinding gives the nonce and the additional data of record n.
func recordBinding(head []byte, n uint64, of uint16) (nonce, bind []byte) {
	bind = append(make([]byte, 0, journalHead+10), head...)
	bind = binary.BigEndian.AppendUint64(bind, n)
	bind = binary.BigEndian.AppendUint16(bind, of)
	nonce = binary.BigEndian.AppendUint64(make([]byte, 4, 12), n)
	return nonce, bind
}

// flush writes and syncs what was added. After an error the file is never used again.
func (j *journal) flush() error {
	if len(j.buf) == 0 {
		return nil
	}
	if _, err := j.file.Write(j.buf); err != nil {
		return err
	}
	j.buf = j.buf[:0]
	return j.file.Sync()
}

// A record is one entry of a journal, opened.
type record struct {
	of   uint16
	data []byte
}

// readJournal opens the records of a journal up to the first that does not
// open, and gives what it left.
func readJournal(b []byte, session string, atRest secret) (rs []record, left []byte, err error) {
	if len(b) < journalHead || string(b[:len(journalMagic)]) != journalMagic {
		return nil, nil, errors.New("not a journal of version 1")
	}
	head, b := b[:journalHead], b[journalHead:]
	if got := string(head[len(journalMagic):][:26]); got != session {
		return nil, nil, fmt.Errorf("the journal is of session %q", got)
	}
	box := journalBox(head, atRest)
	for len(b) >= recordHead {
		n := int64(binary.BigEndian.Uint32(b))
		if n > int64(len(b)-recordHead) {
			break
		}
		of := binary.BigEndian.Uint16(b[4:])
		nonce, bind := recordBinding(head, uint64(len(rs)), of)
		data, err := box.Open(nil, nonce, b[recordHead:recordHead+n], bind)
		if err != nil {
			break
		}
		rs = append(rs, record{of, data})
		b = b[recordHead+n:]
	}
	return rs, b, nil
}

// torn says whether what a journal ends with is what a write leaves that was
// cut short: a record that is not whole, or nothing.
func torn(left []byte) bool {
	return len(left) < recordHead || len(bytes.Trim(left, "\x00")) == 0 ||
		int64(binary.BigEndian.Uint32(left)) > int64(len(left)-recordHead)
}
