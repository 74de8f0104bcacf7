package lang_test

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"lockbox/policy"
	"lockbox/policy/lang"
)

// recorded is `before`, with what a rule records and what nord and the auditors have.
func recorded(record, nord, more string) string {
	s := strings.Replace(before, "record: { pty: full, keep: 90d }", "record: "+record, 1)
	s = strings.Replace(s, "name: Nord,", "name: Nord, "+nord, 1)
	return strings.Replace(s, "rules:\n", more+"rules:\n", 1)
}

func TestWhatARuleRecordsIsRead(t *testing.T) {
	p := read(t, recorded("{ strict: on, bulk: 64MiB, redact: [cards, tokens], seal: [customer, vault], keep: 1h }", "keep: 1h, seal_to: ["+key(0)+",\n    "+key(1)+"],",
		"auditors: { seal_to: ["+key(3)+"] }\n")).Policy
	want := policy.Recording{
		Keep: time.Hour, SFTP: "digest", HTTP: "metadata", Strict: true, Bulk: 64 << 20, Redact: policy.RedactTokens | policy.RedactCards, Seal: policy.ToVault | policy.ToCustomer,
	}
	if got := p.Rules[0].Record; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if d := cmp.Diff([]string{key(0), key(1)}, p.Customers["nord"].SealTo); d != "" || p.Customers["nord"].Keep != time.Hour || len(p.Auditors) != 1 || p.Auditors[0] != key(3) {
		t.Errorf("got %+v and %v", p.Customers["nord"], p.Auditors)
	}
}

// TestWhoCannotOpenARecordingIsNoReader reads as the list of what Check refuses
// of to whom a rule seals. db1.prod holds data of nord and syd, web1.prod of nobody.
func TestWhoCannotOpenARecordingIsNoReader(t *testing.T) {
	auditors := "auditors: { seal_to: [" + key(3) + "] }\n"
	both := func(s string) string { return strings.Replace(s, "name: Syd,", "name: Syd, seal_to: ["+key(1)+"],", 1) }
	alone := func(s string) string {
		return strings.Replace(strings.Replace(s, "customers: [nord, syd]", "customers: [nord]", 1), "on: { labels: { env: prod } }", "on: { targets: [db1.prod] }", 1)
	}
	mine := "seal_to: [" + key(0) + "],"
	for _, c := range []struct{ rule, text, want string }{
		{"the vault", recorded("{ seal: [vault] }", "", ""), ""},
		{"auditors alone", recorded("{ seal: [auditor] }", "", auditors), ""},
		{"auditors whom there are not", recorded("{ seal: [vault, auditor] }", "", ""), "there are no auditors"},
		{"a customer without a key", recorded("{ seal: [vault, customer] }", mine, ""), `customer "syd" has no seal_to`},
		{"all customers have keys", both(recorded("{ seal: [vault, customer] }", mine, "")), ""},
		{"the customer alone, where two are reached", both(recorded("{ seal: [customer] }", mine, "")), "seals to nobody: deploy on db1.prod reaches more than one customer"},
		{"the customer alone, where none is reached", strings.Replace(alone(recorded("{ seal: [customer] }", mine, "")), "targets: [db1.prod]", "labels: { env: prod }", 1), "seals to nobody: deploy on web1.prod reaches no customer"},
		{"the customer alone, where it is the only one", alone(recorded("{ seal: [customer] }", mine, "")), ""},
		{"the customer and auditors", both(recorded("{ seal: [customer, auditor] }", mine, auditors)), ""},
		{"customers where there are none", strings.Replace(recorded("{ seal: [vault, customer] }", mine, ""), "on: { labels: { env: prod } }", "on: { targets: [web1.prod] }", 1), "its targets hold data of none"},
		{"one key for two customers", strings.Replace(recorded("{ seal: [vault] }", mine, ""), "name: Syd,", "name: Syd, "+mine, 1), `customer "syd" has the key of customer nord`},
		{"an auditor's key for a customer", recorded("{ seal: [vault] }", "seal_to: ["+key(3)+"],", auditors), `customer "nord" has the key of the auditors`},
		{"so much of nothing", strings.Replace(recorded("{ bulk: 1MiB }", "", ""), "permit: [shell, exec]", "permit: [sftp-get]", 1), "keeps the contents of no stream"},
		{"so much of files", strings.Replace(recorded("{ bulk: 1MiB, sftp: full }", "", ""), "permit: [shell, exec]", "permit: [sftp-get]", 1), ""},
	} {
		err := read(t, c.text).Valid()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.rule, err, c.want)
		}
	}
}

// TestDiffTellsWhoCanReadRecordings: what is signed says it in these words.
func TestDiffTellsWhoCanReadRecordings(t *testing.T) {
	keys := func(nord string) string {
		return strings.Replace(recorded("{ seal: [vault] }", nord, "auditors: { seal_to: ["+key(3)+"] }\n"), "name: Syd,", "name: Syd, seal_to: ["+key(1)+"],", 1)
	}
	mine := keys("seal_to: [" + key(0) + "],")
	with := func(record string) string { return strings.Replace(mine, "{ seal: [vault] }", record, 1) }
	for _, c := range []struct{ change, old, new, want string }{
		{"auditors too", mine, with("{ seal: [vault, auditor] }"), "readers more: the vault -> the vault and the auditor"},
		{"not the vault", with("{ seal: [vault, auditor] }"), with("{ seal: [auditor] }"), "readers fewer: the vault and the auditor -> the auditor"},
		{"others", mine, with("{ seal: [auditor] }"), "readers other: the vault -> the auditor"},
		{"the customer, where no login reaches one alone", mine, with("{ seal: [vault, customer] }"), ""},
		{"strict", mine, with("{ strict: on }"), "recording other: input off, sftp digest, http metadata, 16MiB of each stream -> input off, sftp digest, http metadata, 16MiB of each stream, strict"},
		{"taken out", with("{ redact: [keys], bulk: 1KiB }"), with("{ redact: [cards, keys] }"),
			"recording other: input off, sftp digest, http metadata, 1KiB of each stream, keys taken out -> input off, sftp digest, http metadata, 16MiB of each stream, keys and cards taken out"},
		{"kept longer", with("{ keep: 30d }"), mine, "retention longer: 30d -> for ever"},
		{"a key more", mine, keys("seal_to: [" + key(0) + ",\n    " + key(2) + "],"),
			"!who has the key " + key(2)[:15] + "… (SHA256:" + sum(key(2)) + ") can read recordings sealed to customer nord from now on"},
		{"a key less", mine, keys(""), "!who has the key " + key(0)[:15] + "… (SHA256:" + sum(key(0)) + ") can read no new recordings sealed to customer nord any more"},
		{"a customer keeps for less", mine, keys("keep: 30d, seal_to: [" + key(0) + "],"),
			"!recordings that may hold data of nord are kept at most 30d, before as long as their rule says | retention shorter: for ever -> 30d"},
	} {
		d := lang.Diff(read(t, c.old).Policy, read(t, c.new).Policy)
		var got []string
		for _, f := range d.Facts {
			got = append(got, map[bool]string{true: "!", false: ""}[f.Alarm]+f.Text)
		}
		for _, x := range d.Access {
			got = append(got, x.What+" "+x.Way+": "+x.Old+" -> "+x.New)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " | ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.change, diff)
		}
	}
}

// TestTheCustomerReadsWhereItIsReachedAlone: of the logins of one target, some do.
func TestTheCustomerReadsWhereItIsReachedAlone(t *testing.T) {
	text := strings.Replace(recorded("{ seal: [vault, customer], keep: 90d }", "keep: 30d, seal_to: ["+key(0)+"],", ""), "name: Syd,", "name: Syd, seal_to: ["+key(1)+"],", 1)
	text = strings.Replace(text, "logins: { deploy: { reaches: all } }", `logins: { deploy: { reaches: all }, "s_{{customer}}": { reaches: one } }`, 1)
	s := read(t, text)
	for login, want := range map[string][2]string{"deploy": {"the vault", "30d"}, "s_nord": {"the vault and the customer", "30d"}, "s_syd": {"the vault and the customer", "90d"}} {
		x, err := s.Explain(aQuestion(func(q *policy.Question) { q.Login = login }))
		if err != nil || x.Readers != want[0] || x.Kept != want[1] || x.Recording != "input off, sftp digest, http metadata, 16MiB of each stream" {
			t.Errorf("%s: read by %q, kept %q, recorded %q, %v", login, x.Readers, x.Kept, x.Recording, err)
		}
	}
	d := lang.Diff(s.Policy, read(t, strings.Replace(text, "[vault, customer]", "[vault]", 1)).Policy)
	if len(d.Facts) != 0 || len(d.Access) != 1 || d.Access[0].What != lang.Opened || d.Access[0].Way != "fewer" || !d.Access[0].Part {
		t.Errorf("got %+v", d)
	}
}

// TestAKeyThatWeTakeIsOne: the library that seals takes what the language takes, and nothing that it refuses for its form.
func TestAKeyThatWeTakeIsOne(t *testing.T) {
	fresh, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	good := fresh.Recipient().String()
	flipped := func(i int) string {
		b := []byte(good)
		b[i] = map[bool]byte{true: 'q', false: 'p'}[b[i] != 'q']
		return string(b)
	}
	for _, k := range []string{good, key(0), flipped(8), flipped(900), flipped(len(good) - 1), flipped(len(good) - 7), good[:len(good)-1], good + "q", strings.ToUpper(good), good[:100], "age1pq1", "age1pq1b"} {
		_, err := age.ParseHybridRecipient(k)
		_, refused := lang.Parse(map[string][]byte{"a.yaml": []byte("version: 1\nauditors: { seal_to: [" + k + "] }\n")})
		if ours, theirs := refused == nil, err == nil && k == strings.ToLower(k); ours != theirs {
			t.Errorf("%.20s…%s (%d): we take it %v, age %v (%v)", k, k[max(0, len(k)-6):], len(k), ours, theirs, err)
		}
	}
}

// TestASecretKeyIsNotRepeated, wherever somebody writes it.
func TestASecretKeyIsNotRepeated(t *testing.T) {
	secret, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	base, err := os.ReadFile("testdata/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{secret.String(), strings.ToLower(secret.String())} {
		for _, at := range []string{"name: Nord Legal", "kind: ssh", "sso: x", "days: Mon-Fri", "keep: 90d", "count: 2", "class: test", "permit: [shell]", "nord: {"} {
			name, _, _ := strings.Cut(at, ":")
			for _, text := range []string{
				strings.Replace(string(base), at, name+": ["+k+"]", 1), strings.Replace(string(base), at, k+": x", 1), strings.Replace(string(base), at, name+": "+k, 1),
				strings.Replace(string(base), at, name+": a "+k+": "+k+"}", 1),
			} {
				if _, err := lang.Parse(map[string][]byte{"a.yaml": []byte(text)}); err != nil && strings.Contains(strings.ToLower(err.Error()), strings.ToLower(k[15:40])) {
					t.Errorf("%q: %v", at, err)
				}
			}
		}
	}
}

func sum(key string) string {
	h := sha256.Sum256([]byte(key))
	return base64.RawStdEncoding.EncodeToString(h[:])
}
