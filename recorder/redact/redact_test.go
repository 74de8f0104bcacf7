package redact

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lockbox/policy"
)

const redactAll = policy.RedactTokens | policy.RedactKeys | policy.RedactCPR | policy.RedactCards

// redacted takes s through a Redactor, cut at the places given.
func redacted(s string, want policy.Redact, cuts ...int) string {
	r := New(want)
	var b strings.Builder
	from := 0
	for _, to := range append(cuts, len(s)) {
		b.Write(r.Write([]byte(s[from:to])))
		from = to
	}
	b.Write(r.Flush())
	return b.String()
}

// pem is a private key as ssh-keygen writes it, of no use.
func pem(kind string, lines int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-----BEGIN %s-----\r\n", kind)
	for n := range lines {
		fmt.Fprintf(&b, "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABlwAAA%03dA+/=\r\n", n)
	}
	fmt.Fprintf(&b, "-----END %s-----\r\n", kind)
	return b.String()
}

// planted are secrets as they are found in output: what is before, the secret, what is behind.
func planted() [][3]string {
	run := strings.Repeat("aB3dE5gH1jK", 8)
	up := "QWERTYUIOPASDF12"
	rows := [][3]string{
		{"key ", "AKIA" + up, " ok"}, {"=", "ASIA" + up, "\n"}, {"aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "\n"},
		{"", "AIza" + run[:35], "\""}, {"(", "ya29." + run[:40], ")"}, {"", "GOCSPX-" + run[:28], " "},
		{"AccountName=x;AccountKey=", run[:86] + "==", ";EndpointSuffix=core"}, {"?sv=1&sig=", run[:40] + "%3D", "&se=2"},
		{"secret abc8Q~", run[:34], "\n"},
		{"", "ghp_" + run[:36], "\n"}, {"https://", "gho_" + run[:36], "@github.com"}, {" ", "github_pat_" + run[:22] + "_" + run[:59], " "},
		{"", "glpat-" + run[:20], "\r\n"}, {"", "glrt-" + run[:20], ""}, {"'", "xoxb-123456789012-1234567890123-" + run[:24], "'"},
		{"https://", "hooks.slack.com/services/T00000000/B00000000/" + run[:24], "\n"},
		{"", "sk_live_" + run[:24], " "}, {"", "rk_test_" + run[:24], " "}, {"", "whsec_" + run[:32], " "},
		{"Bearer ", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + run[:43], "\n"}, {"", "eyJ0eXAiOiJKV1QifQ.e30." + run[:43], ""},
		{"> Authorization: ", "Basic YW5lOmh1bnRlcjI=", "\r\n> Accept: */*"}, {"-H 'Authorization: ", "Bearer x y", "' https://h"},
		{"\"Authorization\": \"", "Bearer a\\\"b c", "\", \"x\": 1"}, {"< set-cookie: ", "sid=abc; Path=/; HttpOnly", "\n"}, {"Cookie:", "a=b; c=d", "\n"},
		{"password=", "hunter2", " x"}, {"PGPASSWORD=", "p;w&d,1", " psql"}, {"export PGPASSWORD='", "h u n t e r", "'"}, {"passwd: ", "hunter2", "\n"},
		{"db.password : ", "hunter2", "\n"}, {"\"password\": \"", "hun\\\"ter2", "\","}, {"?password=", "hunter2", "&user=x"}, {"--client-secret=", "hunter2", "\n"},
		{"kodeord: ", "sommerhus", "\n"}, {"API_KEY=", "0123abcd", "\n"},
		{"postgres://ane:", "hunter2", "@db/x"}, {"https://u:", "p:w@d", "@h:80/"}, {"amqp://u:", "12345", "@h"},
		{"cpr ", "010190-1234", "."}, {"", "0101901234", "\n"}, {"(", "290200-4321", ")"}, {"x:", "311299-0000", ","}, {"", "710190-1234", " "},
		{"", "4111111111111111", "\n"}, {"kort ", "5500 0000 0000 0004", " "}, {"", "3782-822463-10005", ""}, {"1234 ", "4111 1111 1111 1111", " 12/27"},
		{"", "5019717010103742", "."}, {"", "4111-1111-1111-1111", "\n"}, {"", "30569309025904", "\n"},
	}
	for _, kind := range []string{"RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"} {
		key := pem(kind, 3)
		begin, rest, _ := strings.Cut(key, "\r\n")
		body, end, _ := strings.Cut(rest, "-----END")
		rows = append(rows, [3]string{"x\n" + begin, "\r\n" + body, "-----END" + end + "ok\n"})
	}
	return append(rows, [3]string{"", "AGE-SECRET-KEY-1" + strings.Repeat(up, 4), "\n"})
}

// survives says whether more than a few characters in a row of a secret are in out.
func survives(out, secret string) string {
	out = strings.ReplaceAll(out, "‹redacted:password›", "›")
	const most = 6
	if len(secret) <= most {
		if strings.Contains(out, secret) {
			return secret
		}
		return ""
	}
	for i := 0; i+most < len(secret); i++ {
		if part := secret[i : i+most+1]; strings.Contains(out, part) {
			return part
		}
	}
	return ""
}

func TestAPlantedSecretSurvivesNoCut(t *testing.T) {
	for _, row := range planted() {
		s := row[0] + row[1] + row[2]
		whole := redacted(s, redactAll)
		if !strings.Contains(whole, "‹redacted:") || !strings.HasPrefix(whole, row[0]) && !strings.Contains(row[0], "://") || !strings.HasSuffix(whole, row[2]) {
			t.Errorf("%q: got %q", s, whole)
		}
		for cut := range len(s) + 1 {
			for again := cut; again <= len(s); again += 7 {
				if got := redacted(s, redactAll, cut, again); got != whole || survives(got, row[1]) != "" {
					t.Fatalf("%q cut at %d and %d: got %q, want %q", s, cut, again, got, whole)
				}
			}
		}
		var one []int
		for i := range len(s) {
			one = append(one, i)
		}
		if got := redacted(s, redactAll, one...); got != whole {
			t.Errorf("%q byte by byte: got %q, want %q", s, got, whole)
		}
	}
}

func TestColourAndSlownessDoNotSaveASecret(t *testing.T) {
	for _, row := range planted() {
		secret := strings.NewReplacer("\r", "", "\n", "").Replace(row[1])
		var coloured strings.Builder
		for _, c := range row[0] + row[1] + row[2] {
			fmt.Fprintf(&coloured, "\x1b[1;3%dm%c", c%8, c)
		}
		got := redacted(coloured.String(), redactAll)
		var text bytes.Buffer
		for i, p := range strings.Split(got, "\x1b[1;3") {
			if i > 0 {
				p = p[2:]
			}
			text.WriteString(p)
		}
		if part := survives(strings.NewReplacer("\r", "", "\n", "").Replace(text.String()), secret); part != "" && len(row[1]) < 40 {
			t.Errorf("%q in colours: %q survives in %q", row, part, text.String())
		}
		if strings.Count(got, "\x1b[1;3") != len([]rune(row[0]+row[1]+row[2])) {
			t.Errorf("%q: colours are gone: %q", row, got)
		}
	}
	// typed, and let go after every character
	for _, row := range [][2]string{{"export PGPASSWORD=", "hunter2"}, {"curl -u x https://u:", "hunter2"}, {"Authorization: ", "Bearer abc"}, {"ghp_12345678", strings.Repeat("zZ9", 10)}} {
		r := New(redactAll)
		var b strings.Builder
		for _, c := range []byte(row[0] + row[1]) {
			b.Write(r.Write([]byte{c}))
			b.Write(r.Flush())
		}
		if part := survives(b.String(), row[1]); part != "" {
			t.Errorf("%q typed slowly: %q", row, b.String())
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	for _, s := range []string{
		"commit 4111111111111111aabbccddeeff00112233445566\n", "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3 0101901234abcdef\n",
		"550e8400-e29b-41d4-a716-446655440000", "41111111-1111-4111-1111-111111111111",
		"+45 33 92 33 92", "70 10 10 10", "+4533923392", "tlf. 33923392", "+1 (201) 555-0123", "201-555-0123",
		"2026-11-22 07:36:53", "20261122T073653Z", "22-11-2026", "22112026", "1795289032", "1795289032123", "1795289032123456789", "1795289032.123",
		"320190-1234", "011390-1234", "290201-4321", "310490-1234", "000190-1234", "010190-12345", "1010190-1234", "010190-123",
		"4111111111111112", "1234567812345670", "41111111111111111111111",
		"10.0.0.1:8080", "http://localhost:8080/x", "ssh://git@github.com/x", "https://example.eu/a@b:c", "ane@example.eu", "a:b@c",
		"PWD=/home/ane\nOLDPWD=/", "Password: \r\n", "[sudo] password for ane: \r\n", "Enter passphrase for key '/home/ane/.ssh/id_ed25519': ",
		"password must have 8 characters", "token", "eyJ", "sk_", "ghp_short", "AKIAIOSFOD", "xoxb-", "/etc/passwd:x", "cookie jar",
		"-----BEGIN PUBLIC KEY-----\r\nMIIB\r\n-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----", "----------------",
		"status=200 took=12ms key=value a==b ::1 x := y", "\x1b[31mred\x1b[0m \x1b]0;title\a \x1b(B", "12:34:56", "1,234,567,890", "3.14159265358979",
	} {
		if got := redacted(s, redactAll); got != s {
			t.Errorf("%q: got %q", s, got)
		}
	}
	one := "010190-1234 4111111111111111 ghp_" + strings.Repeat("a", 36) + "\n" + pem("RSA PRIVATE KEY", 2)
	for want, kinds := range map[policy.Redact]string{0: "", policy.RedactCPR: "cpr", policy.RedactCards: "card", policy.RedactTokens: "token", policy.RedactKeys: "key"} {
		got := redacted(one, want)
		for _, kind := range []string{"cpr", "card", "token", "key"} {
			if strings.Contains(got, "‹redacted:"+kind+"›") != (kind == kinds) {
				t.Errorf("%v: got %q", want, got)
			}
		}
	}
}

func TestAPrivateKeyEndsWhereItEnds(t *testing.T) {
	key := pem("OPENSSH PRIVATE KEY", 500) // 36 KiB: more than is taken
	got := redacted("a\n"+key+"after\n", redactAll)
	if len(got) > len(key)-mostKey+100 || !strings.HasSuffix(got, "after\n") || !strings.HasPrefix(got, "a\n-----BEGIN OPENSSH PRIVATE KEY-----‹redacted:key›") {
		t.Errorf("got %d bytes of %d", len(got), len(key))
	}
	for in, want := range map[string]string{
		"-----BEGIN RSA PRIVATE KEY-----\r\nMIIE\r\n\x1b[32mane@db1\x1b[0m:~$ ls":                                                    "-----BEGIN RSA PRIVATE KEY-----‹redacted:key›\x1b[32m@db1\x1b[0m:~$ ls",
		"-----BEGIN RSA PRIVATE KEY-----\r\ntotal 48\r\n":                                                                            "-----BEGIN RSA PRIVATE KEY-----‹redacted:key› 48\r\n",
		"-----BEGIN RSA PRIVATE KEY----- MIIEabcdefghijklmnopqrst MIIEabcdefghijklmnopqrst AbC= -----END RSA PRIVATE KEY-----":       "-----BEGIN RSA PRIVATE KEY-----‹redacted:key› -----END RSA PRIVATE KEY-----",
		"     1 -----BEGIN RSA PRIVATE KEY-----\n     2 MIIEabcdefghijklmnopqrst\n     3 MIIE\n     4 -----END RSA PRIVATE KEY-----": "     1 -----BEGIN RSA PRIVATE KEY-----‹redacted:key›-----END RSA PRIVATE KEY-----",
		`"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n" x`:                                                         `"-----BEGIN PRIVATE KEY-----‹redacted:key›-----END PRIVATE KEY-----\n" x`,
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\nMIIE\n-----END RSA PRIVATE KEY-----":   "-----BEGIN RSA PRIVATE KEY-----‹redacted:key›-----END RSA PRIVATE KEY-----",
	} {
		if got := redacted(in, redactAll); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLittleIsHeldBack(t *testing.T) {
	for _, s := range []string{"https://u" + strings.Repeat("x", 5000), strings.Repeat("4", 5000), strings.Repeat("1234 ", 1000), "ghp_" + strings.Repeat("\x1b[m", 1000)} {
		r := New(redactAll)
		var n int
		for i := range len(s) {
			n += len(r.Write([]byte(s[i : i+1])))
			if i+1-n > mostHeld+1 {
				t.Fatalf("%.20q: %d bytes are held back", s, i+1-n)
			}
		}
	}
}

// clean output comes back as it was; a secret in it is gone, and the rest stays.
func FuzzRedactor(f *testing.F) {
	for i, row := range planted() {
		f.Add([]byte(row[0]), byte(i), uint64(i))
	}
	f.Add([]byte("\x1b[1;31mtotal 48\r\n\x1b[32mdrwxr-xr-x\x1b[0m https://a:1/ 1234 5678 e g x -----B"), byte(3), uint64(9))
	f.Fuzz(func(t *testing.T, data []byte, which byte, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		whole := redacted(string(data), redactAll)
		if !strings.Contains(whole, "‹redacted:") && whole != string(data) {
			t.Fatalf("got %q, want %q", whole, data)
		}
		r := New(redactAll)
		var got []byte
		for p := data; len(p) > 0; {
			n := 1 + rnd.IntN(min(len(p), 9))
			got = append(got, r.Write(p[:n])...)
			p = p[n:]
		}
		if got = append(got, r.Flush()...); string(got) != whole {
			t.Fatalf("cut: got %q, want %q", got, whole)
		}
		for p := data; len(p) > 0; { // let go at every piece: what it takes, it names
			n := 1 + rnd.IntN(min(len(p), 9))
			_, _ = r.Write(p[:n]), r.Flush()
			p = p[n:]
		}
		rows := planted()
		row := rows[int(which)%len(rows)]
		s := string(data) + "\x18\n\n" + row[0] + row[1] + row[2]
		if out := redacted(s, redactAll); strings.Contains(out, row[1]) && !strings.Contains(string(data), row[1]) {
			t.Errorf("%q survives in %q", row[1], out)
		}
	})
}

// BenchmarkRedactor is of all kinds on a terminal's text.
func BenchmarkRedactor(b *testing.B) {
	data := bytes.Repeat([]byte("\x1b[32mops@db1\x1b[0m:/var/log$ -rw-r--r-- 1 app app 8812 Nov 12 14:02 request-5f01c2aa.json status=200 took=31ms\r\n"), 40_000)
	for name, write := range map[string]int{"32KiB": 32 << 10, "200B": 200} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			r := New(redactAll)
			for b.Loop() {
				for p := range slices.Chunk(data, write) {
					r.Write(p)
				}
				r.Flush()
			}
		})
	}
}
