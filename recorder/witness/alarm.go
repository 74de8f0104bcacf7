package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"lockbox/recorder/proof"
)

// A Kind of alarm.
type Kind string

// Kinds of alarm.
const (
	// Forked is proven: two checkpoints of one size, with two roots, both signed by the log's key.
	Forked Kind = "forked"
	// Rewound means that a checkpoint was offered with fewer entries than were
	// cosigned: the log was set back, or somebody sent an old checkpoint again.
	Rewound Kind = "rewound"
	// Unproven means that a later checkpoint was offered with a proof that does
	// not lead to it from what was cosigned: the log was rewritten, or the proof
	// was spoiled on its way.
	Unproven Kind = "unproven"
)

// An Alarm is what a witness tells people. Held and Offered are evidence: both
// carry the signature of the log.
type Alarm struct {
	Kind    Kind      `json:"kind"`
	Origin  string    `json:"origin"`
	At      time.Time `json:"at"`
	Text    string    `json:"text"`
	Held    string    `json:"held"`
	Offered string    `json:"offered"`
	File    string    `json:"file,omitempty"` // in the state folder, that keeps it; "": it could not be kept
}

func (a Alarm) Error() string { return a.Text }

const maxEvidence = 1000 // files

// alarm tells of a checkpoint that does not go together with what is held, once
// for each, and keeps both. h.mu is held.
func (w *Witness) alarm(kind Kind, h *held, c proof.Checkpoint) *Alarm {
	a := Alarm{Kind: kind, Origin: h.Origin, At: w.o.Now().UTC(), Held: string(h.last.Note), Offered: string(c.Note)}
	switch kind {
	case Forked:
		a.Text = fmt.Sprintf("ALARM: the log %s is forked: its key signed two histories of %d entries; both are kept as evidence", h.Origin, c.N)
	case Rewound:
		a.Text = fmt.Sprintf("ALARM: the log %s was offered with %d entries after %d were cosigned: it was set back, or an old checkpoint was sent again", h.Origin, c.N, h.last.N)
	default:
		a.Text = fmt.Sprintf("ALARM: the log %s was offered with %d entries that do not grow out of the %d that were cosigned: it was rewritten, or the proof is wrong", h.Origin, c.N, h.last.N)
	}
	known, err := w.keep(&a, h.last.N, c)
	if err != nil {
		a.File, a.Text = "", a.Text+"; the evidence could not be kept: "+err.Error()
	}
	if !known && w.o.Alarm != nil {
		w.o.Alarm(a)
	}
	return &a
}

// keep writes the evidence, unless it is known already.
func (w *Witness) keep(a *Alarm, held int64, c proof.Checkpoint) (known bool, err error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", a.Kind, held, proof.Text(c.Origin, c.Tree)))
	a.File = "alarm-" + string(a.Kind) + "-" + hex.EncodeToString(sum[:12]) + ".json"
	if _, err := w.shelf.root.Stat(a.File); !errors.Is(err, fs.ErrNotExist) {
		return err == nil, err
	}
	all, err := fs.Glob(w.shelf.root.FS(), "alarm-*.json")
	if err == nil && len(all) >= maxEvidence {
		err = fmt.Errorf("there are %d files of evidence already", len(all))
	}
	if err != nil {
		return false, err
	}
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return false, err
	}
	return false, w.shelf.put(a.File, append(b, '\n'))
}
