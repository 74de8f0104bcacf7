package webhook

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"lockbox/approvals/notify"
)

// An Event is what a receiver gets: CloudEvents 1.0 in JSON.
type Event struct {
	Version string `json:"specversion"`
	ID      string `json:"id"` // the same at every try and replay
	Source  string `json:"source"`
	Type    string `json:"type"`
	Time    string `json:"time"`
	Subject string `json:"subject,omitempty"`
	Content string `json:"datacontenttype"`
	Data    Data   `json:"data"`
}

// Data is what the log says of the event in the clear.
type Data struct {
	Seq      int64             `json:"seq"` // in the ledger, from which a receiver asks to be told again
	Subjects []string          `json:"subjects,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
}

func (h *Hook) id(seq int64) string { return "evt-" + strconv.FormatInt(seq, 10) }

func (h *Hook) body(ctx context.Context, n notify.Notice) ([]byte, error) {
	page, err := h.o.Ledger.After(ctx, n.Seq-1, 1)
	if err != nil {
		return nil, err
	}
	if len(page) == 0 || n.Seq < 0 {
		return nil, notify.ErrMoot // the log was restored
	}
	e := page[0]
	subjects := e.Subjects
	if h.o.Customer != "" {
		if !slices.Contains(e.Customers, h.o.Customer) {
			return nil, notify.ErrMoot
		}
		subjects = slices.DeleteFunc(slices.Clone(subjects), func(s string) bool { return s != h.o.Customer && slices.Contains(e.Customers, s) })
	}
	out := Event{
		Version: "1.0", ID: h.id(e.Seq), Source: h.o.Source, Type: "lockbox." + e.Kind, Time: e.At.UTC().Format(time.RFC3339Nano),
		Content: "application/json", Data: Data{Seq: e.Seq, Subjects: subjects, Detail: e.Detail},
	}
	if len(subjects) > 0 {
		out.Subject = subjects[0]
	}
	return json.Marshal(out)
}
