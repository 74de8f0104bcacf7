package approvals

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"lockbox/policy"
	"lockbox/recorder/ledger"
)

// bodyV2 is the form of the bytes of a request: the JSON of policy.Request, in
// which {"commit": "…"} stands for every value that says who asked and why, or
// names a customer. What such a commitment is to is kept beside, so that it can
// be erased, or withheld from another customer, and the bytes still have the
// hash that people signed. How many customers and stages there are, what was
// asked for on which target, and the hash over the machine are in clear. Bytes
// without a form are of the time before, with everything in clear.
const bodyV2 = "lockbox-request/v2"

// An Opening is what a commitment in the body of a request is to.
type Opening struct {
	Salt  []byte `json:"salt"`  // 16 random bytes
	Value string `json:"value"` // JSON
}

type sealed struct {
	Commit ledger.Commitment `json:"commit"`
}

// commit is SHA-256("lockbox-request/v2" ‖ 0x00 ‖ salt ‖ len(name) ‖ name ‖ value),
// the length in eight bytes, big-endian.
func (o Opening) commit(name string) sealed {
	b := append([]byte(bodyV2+"\x00"), o.Salt...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(name)))
	b = append(b, name...)
	return sealed{sha256.Sum256(append(b, o.Value...))}
}

// withheldStage stands in a receipt for what another customer was asked.
const withheldStage policy.StageKind = "withheld"

// A tree is JSON whose values are kept as they are written.
type tree map[string]json.RawMessage

// sealBody writes the body of a request and what its commitments are to.
func sealBody(q *policy.Request) ([]byte, map[string]Opening, error) {
	plain, err := json.Marshal(q)
	if err != nil {
		return nil, nil, fmt.Errorf("write request: %w", err)
	}
	var top tree
	if err := json.Unmarshal(plain, &top); err != nil {
		return nil, nil, fmt.Errorf("write request: %w", err)
	}
	open := map[string]Opening{}
	err = sealedIn(top, func(name string, v json.RawMessage) (json.RawMessage, error) {
		if strings.HasPrefix(name, "stages.") && !named(v) {
			return v, nil
		}
		o := Opening{Salt: make([]byte, 16), Value: string(v)}
		_, _ = rand.Read(o.Salt) // never fails
		open[name] = o
		return json.Marshal(o.commit(name))
	})
	if err != nil {
		return nil, nil, fmt.Errorf("write request: %w", err)
	}
	top["form"] = json.RawMessage(`"` + bodyV2 + `"`)
	body, err := json.Marshal(top) // in the order of the names: the same for the same values
	return body, open, err
}

// named says whether a stage is a customer's.
func named(stage json.RawMessage) bool {
	var s policy.Stage
	return json.Unmarshal(stage, &s) == nil && s.Kind == policy.ByCustomer
}

// sealedIn calls fn for every value that is, or will be, a commitment, and puts
// in its place what fn gives; nil takes it out.
func sealedIn(top tree, fn func(name string, v json.RawMessage) (json.RawMessage, error)) error {
	for _, part := range []struct {
		in    string
		names []string
	}{{"who", []string{"id", "name", "vouched"}}, {"need", []string{"text", "ticket"}}} {
		var sub tree
		if err := json.Unmarshal(top[part.in], &sub); err != nil {
			return err
		}
		for _, n := range part.names {
			if err := swap(sub, n, part.in+"."+n, fn); err != nil {
				return err
			}
		}
		b, err := json.Marshal(sub)
		if err != nil {
			return err
		}
		top[part.in] = b
	}
	for _, list := range []string{"customers", "stages"} {
		if err := swapAll(top, list, fn); err != nil {
			return err
		}
	}
	return nil
}

func swap(in tree, key, name string, fn func(string, json.RawMessage) (json.RawMessage, error)) error {
	v, ok := in[key]
	if !ok {
		return nil
	}
	v, err := fn(name, v)
	if in[key] = v; v == nil {
		delete(in, key)
	}
	return err
}

func swapAll(top tree, list string, fn func(string, json.RawMessage) (json.RawMessage, error)) error {
	var all, out []json.RawMessage
	if top[list] == nil || string(top[list]) == "null" {
		return nil
	}
	if err := json.Unmarshal(top[list], &all); err != nil {
		return err
	}
	for i, v := range all {
		v, err := fn(list+"."+strconv.Itoa(i), v)
		if err != nil {
			return err
		}
		if v != nil {
			out = append(out, v)
		}
	}
	b, err := json.Marshal(out)
	top[list] = b
	return err
}

// A body is a request as it was read from its bytes.
type body struct {
	request *policy.Request
	missing []string // names of commitments that are not opened, sorted
	sealed  bool     // of this form
}

// openBody reads a request. What is not opened stands as it is erased by the
// event that gone names, or withheld: no customer, and a stage that nobody fills.
func openBody(b []byte, open map[string]Opening, gone map[string]int64) (body, error) {
	var top tree
	if err := json.Unmarshal(b, &top); err != nil {
		return body{}, fmt.Errorf("read request: %w", err)
	}
	out := body{request: new(policy.Request)}
	if _, ok := top["form"]; ok {
		out.sealed = true
		used := map[string]bool{}
		if string(top["form"]) != `"`+bodyV2+`"` {
			return body{}, fmt.Errorf("read request: its form is not %s", bodyV2)
		}
		err := sealedIn(top, func(name string, v json.RawMessage) (json.RawMessage, error) {
			o, ok := open[name]
			used[name] = ok
			switch in, is := readSealed(v); {
			case !is && strings.HasPrefix(name, "stages.") && !named(v) && !ok:
				return v, nil
			case !is:
				return nil, fmt.Errorf("%s stands in clear", name)
			case ok && (o.commit(name) != in || len(o.Salt) != 16):
				return nil, fmt.Errorf("%s is not what was committed to", name)
			case ok:
				return json.RawMessage(o.Value), nil
			}
			out.missing = append(out.missing, name)
			return missing(name, gone[name]), nil
		})
		if err != nil {
			return body{}, fmt.Errorf("read request: %w", err)
		}
		for name := range open {
			if !used[name] {
				return body{}, fmt.Errorf("read request: nothing was committed to as %s", name)
			}
		}
		slices.Sort(out.missing)
	} else if len(open) > 0 {
		return body{}, errors.New("read request: it was written in clear, and is not opened")
	}
	delete(top, "form")
	plain, err := json.Marshal(top)
	if err == nil {
		err = json.Unmarshal(plain, out.request)
	}
	if err != nil {
		return body{}, fmt.Errorf("read request: %w", err)
	}
	return out, nil
}

func readSealed(v json.RawMessage) (s sealed, ok bool) {
	d := json.NewDecoder(bytes.NewReader(v))
	d.DisallowUnknownFields()
	var at struct {
		Commit *ledger.Commitment `json:"commit"`
	}
	if d.Decode(&at) != nil || at.Commit == nil {
		return sealed{}, false
	}
	return sealed{*at.Commit}, true
}

// missing is what stands for a value that is not there.
func missing(name string, by int64) json.RawMessage {
	switch {
	case strings.HasPrefix(name, "customers."):
		return nil
	case strings.HasPrefix(name, "stages."):
		return json.RawMessage(`{"kind":"` + string(withheldStage) + `","count":0,"of":0,"expires":0,"step":0}`)
	case name == "who.vouched", name == "need.ticket":
		return json.RawMessage(`""`)
	}
	return json.RawMessage(`"` + tombstone(by) + `"`)
}

// tombstone stands where a personal text was. It names no other erased person.
func tombstone(by int64) string { return "erased by event " + strconv.FormatInt(by, 10) }

// only leaves the openings that concern one customer: of all else than customers, all.
func only(open map[string]Opening, customer string) map[string]Opening {
	out := maps.Clone(open)
	maps.DeleteFunc(out, func(name string, o Opening) bool {
		var c string
		var s policy.Stage
		switch {
		case strings.HasPrefix(name, "customers."):
			return json.Unmarshal([]byte(o.Value), &c) != nil || c != customer
		case strings.HasPrefix(name, "stages."):
			return json.Unmarshal([]byte(o.Value), &s) != nil || s.Customer != customer
		}
		return false
	})
	return out
}
