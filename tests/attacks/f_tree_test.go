package attacks

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"lockbox/approvals"
	"lockbox/policy"
	"lockbox/recorder/ledger"
	"lockbox/tests/world"
)

// A forged is one change of a file, as a liar would make it.
type forged struct {
	how  string
	data []byte
}

// forge changes every value of a file: each is altered, removed, and exchanged
// for what another file has in its place.
func forge(t *testing.T, data, other []byte) (all []forged) {
	t.Helper()
	var root, donor any
	must(t, json.Unmarshal(data, &root))
	must(t, json.Unmarshal(other, &donor))
	emit := func(how string) {
		b, err := json.Marshal(root)
		must(t, err)
		all = append(all, forged{how, b})
	}
	var walk func(path string, v, theirs any, set func(any), remove func() (undo func()))
	walk = func(path string, v, theirs any, set func(any), remove func() func()) {
		for i, x := range altered(v) {
			set(x)
			emit(path + " altered " + strconv.Itoa(i))
		}
		if theirs != nil && !reflect.DeepEqual(v, theirs) {
			set(theirs)
			emit(path + " exchanged")
		}
		set(v)
		if remove != nil {
			undo := remove()
			emit(path + " removed")
			undo()
		}
		switch v := v.(type) {
		case map[string]any:
			in, _ := theirs.(map[string]any)
			for _, k := range slices.Sorted(maps.Keys(v)) {
				e := v[k]
				walk(path+"."+k, e, in[k], func(x any) { v[k] = x }, func() func() {
					delete(v, k)
					return func() { v[k] = e }
				})
			}
		case []any:
			in, _ := theirs.([]any)
			for i, e := range v {
				var their any
				if i < len(in) {
					their = in[i]
				}
				walk(fmt.Sprintf("%s[%d]", path, i), e, their, func(x any) { v[i] = x }, func() func() {
					set(slices.Delete(slices.Clone(v), i, i+1))
					return func() { set(v) }
				})
			}
		}
	}
	walk("", root, donor, func(x any) { root = x }, nil)
	return all
}

// altered gives other values in the place of a value.
func altered(v any) []any {
	switch v := v.(type) {
	case bool:
		return []any{!v}
	case float64:
		return []any{v + 1}
	case []any:
		if len(v) > 1 {
			back := slices.Clone(v)
			slices.Reverse(back)
			return []any{back, append(slices.Clone(v), v[0])}
		}
	case string:
		return alteredText(v)
	}
	return nil
}

func alteredText(v string) []any {
	if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
		return []any{at.Add(time.Second).Format(time.RFC3339Nano)}
	}
	if b, err := base64.StdEncoding.DecodeString(v); err == nil && len(b) > 24 {
		var all []any
		for _, i := range []int{0, len(b) / 2, len(b) - 1} {
			one := slices.Clone(b)
			one[i] ^= 1
			all = append(all, base64.StdEncoding.EncodeToString(one))
		}
		return all
	}
	return []any{v + "x", "x"}
}

func pins(w *world.World) approvals.Pinned {
	return approvals.Pinned{
		Log: world.Log, LogKey: w.Keys.LogKey, Party: world.Party(),
		Executives: []string{w.Ceo.Fingerprint, w.Cto.Fingerprint}, Customers: map[string][]string{"nord": {w.Ann.Fingerprint}, "syd": {w.Bo.Fingerprint}},
	}
}

// work has two sessions of Eng under the request, and ends it.
func work(t *testing.T, w *world.World, code string) string {
	t.Helper()
	k := knock(w.Eng)
	if v, err := w.Desk.See(t.Context(), w.Eng.Principal, code); err == nil && v.Request.Login == "deploy" {
		k.Login = "deploy"
	}
	for range 2 {
		v := visit(t, w, k)
		say(t, v, "rows of nord")
		v.Leave()
	}
	must(t, w.Desk.Revoke(t.Context(), w.Ann.Principal, code, "enough"))
	return code
}

// A retold is a request of which receipts are made, by two of its like.
type retold struct {
	who  *world.Human
	make func(t *testing.T, long time.Duration) string
	but  *regexp.Regexp // what nothing proves, as approvals.Receipt says
}

func retolds(t *testing.T, w *world.World) map[string]retold {
	shared := func(t *testing.T, long time.Duration) string {
		code := w.Ask(t, w.Eng, "", long)
		for _, h := range []*world.Human{w.Ceo, w.Ann, w.Bo} {
			must(t, w.Approve(t, h, code))
		}
		return work(t, w, code)
	}
	own := func(t *testing.T, long time.Duration) string { return work(t, w, w.Grant(t, w.Eng, long)) }
	return map[string]retold{
		"a customer's own":       {w.Ann, own, nil},
		"the board's, of all":    {w.Ceo, own, nil},
		"one customer's part":    {w.Ann, shared, regexp.MustCompile(`^\.case\.votes\[0\]\.by|^\.key_of`)},
		"the board's, of shared": {w.Cto, shared, nil},
		"of a no": {w.Ann, func(t *testing.T, long time.Duration) string {
			code := w.Ask(t, w.Eng, "nord", long)
			_, err := w.Desk.Reject(t.Context(), w.Ceo.Principal, code, "not now")
			must(t, err)
			must(t, w.Desk.Withdraw(t.Context(), w.Eng.Principal, code))
			return code
		}, regexp.MustCompile(`^\.case\.votes\[0\]\.by|^\.trail\[2\] removed$`)},
		"of somebody erased": {w.Ann, func(t *testing.T, long time.Duration) string {
			code := own(t, long)
			erase(t, w, w.Eng.ID, "ERA"+strconv.Itoa(int(long.Hours())))
			return code
		}, regexp.MustCompile(`^\.case\.votes\[.\]\.by|^\.key_of|^\.erasing.* exchanged$`)},
		"by somebody admitted": {w.Ann, func(t *testing.T, long time.Duration) string {
			if !w.Lone.Admitted {
				w.Admit(t)
			}
			code := w.Ask(t, w.Eng, "nord", long)
			must(t, w.Approve(t, w.Lone, code))
			must(t, w.Approve(t, w.Ann, code))
			return work(t, w, code)
		}, regexp.MustCompile(`^\.motions.* exchanged$`)}, // the same entries under another checkpoint
	}
}

// wantRefused fails for every forgery that holds, but for those that the type's comment names.
func wantRefused(t *testing.T, all []forged, holds func([]byte) bool, but *regexp.Regexp) {
	t.Helper()
	kept := 0
	for _, f := range all {
		if !holds(f.data) {
			continue
		}
		if but == nil || !but.MatchString(f.how) {
			t.Errorf("it holds with %s", f.how)
		}
		kept++
	}
	t.Logf("%d forgeries, %d of them of what nothing proves", len(all), kept)
}

// erase carries out what a motion with that id would order.
func erase(t *testing.T, w *world.World, person, motion string) {
	t.Helper()
	must(t, w.Ledger.Update(t.Context(), func(tx *ledger.Tx) error {
		return w.Desk.OrderErasure(tx, &policy.Motion{ID: motion, Kind: policy.ToErase, About: person})
	}))
	must(t, w.Desk.Erasures(t.Context()))
}

// TestF20NothingInAReceiptCanBeChanged, but for what approvals.Receipt says nothing proves.
func TestF20NothingInAReceiptCanBeChanged(t *testing.T) {
	w := newWorld(t)
	for name, c := range retolds(t, w) {
		t.Run(name, func(t *testing.T) {
			var files [2][]byte
			for i := range files {
				r, err := w.Gateway.Receipt(t.Context(), c.who.Principal, c.make(t, time.Duration(i+1)*time.Hour))
				must(t, err)
				files[i], err = json.Marshal(r)
				must(t, err)
				if why := untrue(w, files[i]); why != "" {
					t.Fatalf("a good receipt does not hold: %s", why)
				}
			}
			changed := func(data []byte) bool { // what is read the same is no forgery
				r, err := approvals.ParseReceipt(data)
				must(t, err)
				again, err := json.Marshal(r)
				must(t, err)
				return !slices.Equal(again, files[0]) && !slices.Equal(again, files[1])
			}
			wantRefused(t, forge(t, files[0], files[1]), func(data []byte) bool { return untrue(w, data) == "" && changed(data) }, c.but)
		})
	}
}

// untrue says why a receipt does not hold; "" where it does.
func untrue(w *world.World, data []byte) string {
	r, err := approvals.ParseReceipt(data)
	if err != nil {
		return err.Error()
	}
	steps, err := r.Verify(pins(w))
	if err != nil {
		return err.Error()
	}
	if i := slices.IndexFunc(steps, approvals.Step.Failed); i >= 0 {
		return steps[i].Text
	}
	return ""
}
