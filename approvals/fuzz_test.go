package approvals

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"lockbox/policy"
)

func sample() *policy.Request {
	return &policy.Request{
		ID: "7KQM", At: time.Unix(1, 0).UTC(), Who: policy.Principal{ID: "eng@x.eu", Name: "Eng", Kind: policy.Staff, Groups: []string{"g"}, Vouched: "cto@x.eu"},
		Target: "db1.prod", Login: "deploy", Actions: []policy.Action{policy.Shell}, Customers: []string{"nord", "syd"},
		Need: policy.Need{Reason: "outage", Text: "contract <stuck> & more", Ticket: "INC-1"}, For: time.Hour, ActivateWithin: time.Hour,
		Stages: []policy.Stage{{Kind: policy.ByExecutive, Count: 1, Of: 2}, {Kind: policy.ByCustomer, Customer: "nord", Count: 1}, {Kind: policy.ByCustomer, Customer: "syd", Count: 1}},
		Rule:   "prod", Policy: "d1", Machine: "m", Witnesses: 1,
	}
}

func TestABodyHoldsItsRequestAndNothingPersonal(t *testing.T) {
	t.Parallel()
	b, open, err := sealBody(sample())
	if err != nil {
		t.Fatal(err)
	}
	got, err := openBody(b, open, nil)
	if err != nil || !reflect.DeepEqual(got.request, sample()) || len(got.missing) > 0 || !got.sealed {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, secret := range []string{"eng@", "Eng", "cto@", "stuck", "INC-1", "nord", "syd"} {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s stands in %s", secret, b)
		}
	}
	old, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := openBody(old, nil, nil); err != nil || !reflect.DeepEqual(got.request, sample()) || got.sealed {
		t.Errorf("a body of before reads as %+v, %v", got, err)
	}
	again, _, err := sealBody(sample())
	if err != nil || bytes.Equal(again, b) {
		t.Errorf("two requests of the same have the same commitments (%v)", err)
	}
}

func TestAnOpeningIsOfItsOwnCommitment(t *testing.T) {
	t.Parallel()
	for rule, spoil := range map[string]func(b *[]byte, open map[string]Opening){
		"another value": func(_ *[]byte, o map[string]Opening) { o["need.text"] = Opening{o["need.text"].Salt, `"x"`} },
		"another salt": func(_ *[]byte, o map[string]Opening) {
			o["need.text"] = Opening{make([]byte, 16), o["need.text"].Value}
		},
		"a longer salt": func(_ *[]byte, o map[string]Opening) {
			o["need.text"] = Opening{append(o["need.text"].Salt, 0), o["need.text"].Value[1:]}
		},
		"another's": func(_ *[]byte, o map[string]Opening) {
			o["customers.0"], o["customers.1"] = o["customers.1"], o["customers.0"]
		},
		"of nothing":       func(_ *[]byte, o map[string]Opening) { o["customers.2"] = o["customers.1"] },
		"of what is clear": func(_ *[]byte, o map[string]Opening) { o["stages.0"] = o["stages.1"] },
		"in clear": func(b *[]byte, o map[string]Opening) {
			*b = bytes.Replace(*b, []byte(`"id":{`), []byte(`"id":"x","x":{`), 1)
			delete(o, "who.id")
		},
		"another form": func(b *[]byte, _ map[string]Opening) {
			*b = bytes.Replace(*b, []byte("request/v2"), []byte("request/v3"), 1)
		},
		"no form": func(b *[]byte, _ map[string]Opening) { *b = bytes.Replace(*b, []byte(`"form"`), []byte(`"fork"`), 1) },
	} {
		b, open, err := sealBody(sample())
		if err != nil {
			t.Fatal(err)
		}
		spoil(&b, open)
		if got, err := openBody(b, open, nil); err == nil {
			t.Errorf("%s: got %+v", rule, got.request)
		}
	}
}

// FuzzBody: what is read of a body is written again as what reads the same.
func FuzzBody(f *testing.F) {
	b, open, err := sealBody(sample())
	if err != nil {
		f.Fatal(err)
	}
	o, err := json.Marshal(open)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, o)
	f.Add([]byte(`{"id":"7KQM","need":{},"who":{}}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, b, o []byte) {
		var open map[string]Opening
		if json.Unmarshal(o, &open) != nil {
			return
		}
		got, err := openBody(b, open, map[string]int64{"who.id": 7})
		if err != nil {
			return
		}
		again, known, err := sealBody(got.request)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := openBody(again, known, nil); err != nil || !same(asJSON(t, back.request), asJSON(t, got.request)) {
			t.Errorf("%s reads as %+v, and again as %+v, %v", b, got.request, back.request, err)
		}
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// FuzzReceipt: what is read of a receipt or a statement prints the same, and verifying it ends.
func FuzzReceipt(f *testing.F) {
	f.Add([]byte(`{"format":"lockbox-receipt/v2","case":{"body":"e30="}}`))
	f.Add([]byte(`{"format":"lockbox-month/v1","customer":"nord","month":"2026-10","entries":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := ParseReceipt(data); err == nil {
			again, err := ParseReceipt([]byte(asJSON(t, r)))
			if err != nil || asJSON(t, again) != asJSON(t, r) {
				t.Errorf("%s is read, and then %v", data, err)
			}
			_, _ = r.Verify(Pinned{Log: "x"})
		}
		if m, err := ParseMonth(data); err == nil {
			again, err := ParseMonth([]byte(asJSON(t, m)))
			if err != nil || asJSON(t, again) != asJSON(t, m) {
				t.Errorf("%s is read, and then %v", data, err)
			}
			_, _ = m.Verify(Pinned{Log: "x"})
		}
	})
}
