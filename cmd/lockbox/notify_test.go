package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotifyIsCheckedInWords, and never repeats what may be a secret.
func TestNotifyIsCheckedInWords(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"mail: { server: \"smtp.example.eu:465\", tls: none, from: a@b.eu }", "write implicit (port 465) or starttls"},
		{"mail: { server: \"smtp.example.eu:465\", tls: implicit, from: \"A <a@b.eu>\" }", "no plain address"},
		{"mail: { server: \"smtp.example.eu:465\", tls: implicit, from: a@b.eu, user: u, password: hunter2hunter2 }", "never the secret itself"},
		{"zone: Europe/Aarhus", "is no time zone"},
		{"mail: { tls: implicit }", "server is missing"},
		{"mail: { server: x, colour: red }", "unknown field"},
		{"slack: { team: T024BE7LD, app: A012ABCD0A0, bot: xoxb-hunter2hunter2 }", "never the secret itself"},
		{"slack: { bot: \"env:X\" }", "team and app are missing"},
		{"slack: { team: T024BE7LD, app: A012ABCD0A0, bot: \"env:X\", socket: \"env:Y\", signing: \"env:Z\" }", "leave one out"},
		{"webhooks: [ { name: siem, url: \"http://x.eu/\", secrets: [\"env:X\"] } ]", "not https"},
		{"webhooks: [ { name: siem, url: \"https://u:hunter2hunter2@x.eu/\", secrets: [\"env:X\"] } ]", "name or password"},
		{"webhooks: [ { name: siem, url: \"https://x.eu/\", secrets: [\"env:X\"], allow: [\"0.0.0.0/0\"] } ]", "far too much"},
		{"webhooks: [ { name: siem, url: \"https://x.eu/\", secrets: [\"env:X\"], allow: [\"10.1.2.3/8\"] } ]", "no network"},
		{"webhooks: [ { name: siem, url: \"https://x.eu/\" } ]", "needs secrets"},
		{"webhooks: [ { name: siem, url: \"https://x.eu/\", secrets: [\"hunter2hunter2\"] } ]", "never the secret itself"},
		{"webhooks: [ { name: siem, url: \"https://x.eu/\", secrets: [\"env:X\"], allow: [here] } ]", "no network"},
		{"webhooks: [ { name: a, url: \"https://x.eu/\", secrets: [\"env:X\"] }, { name: a, url: \"https://y.eu/\", secrets: [\"env:X\"] } ]", "two of the name"},
	} {
		_, err := readConfig(withNotify(t, c.yaml))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", c.yaml, err)
		}
	}
}

// withNotify is a new gateway whose lockbox.yaml has this notify.
func withNotify(t *testing.T, yaml string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "gw")
	var errs strings.Builder
	if code := Main(t.Context(), []string{"init", dir}, &errs, &errs); code != 0 {
		t.Fatal(errs.String())
	}
	path := filepath.Join(dir, "lockbox.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), ":8443", "127.0.0.1:0", 1) + "\nnotify: { " + yaml + " }\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestASecretThatIsNotThereIsSaid before anything starts.
func TestASecretThatIsNotThereIsSaid(t *testing.T) {
	conf, err := readConfig(withNotify(t, "mail: { server: \"smtp.example.eu:465\", tls: implicit, from: a@b.eu, user: u, password: \"file:mail.password\" }"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conf.secret("notify.mail.password", conf.Notify.Mail.Password); err == nil || !strings.Contains(err.Error(), "mail.password") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(conf.file), "mail.password"), []byte("correct-horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := conf.secret("notify.mail.password", conf.Notify.Mail.Password); s != "correct-horse" || err != nil {
		t.Errorf("%q, %v", s, err)
	}
}

// TestAMistakeOfNotifyIsSaidWithItsLine, by serve --check before anything starts and by doctor.
func TestAMistakeOfNotifyIsSaidWithItsLine(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"mail: { server: \"smtp.example.eu:465\",\n  tls: none, from: a@b.eu }", ":+1:8: notify.mail.tls"},
		{"mail:\n { server: \"smtp.example.eu:465\", tls: implicit, from: a@b.eu, user: u, password: \"file:none\" }", ":+1:83: notify.mail.password: open"},
		{"mail:\n { server: \"smtp.example.eu\", tls: implicit, from: a@b.eu }", ":+1:12: notify.mail.server: address smtp.example.eu: missing port"},
		{"mail: { server: \"smtp.example.eu:465\", tls: implicit, from: a@b.eu,\n\n  ca: lockbox.yaml }", ":+2:7: notify.mail.ca: DIR/lockbox.yaml holds no certificate"},
		{"webhooks: [ { name: siem, url: \"https://x.eu/\",\n  secrets: [\"env:LOCKBOX_TEST_NONE\"] } ]", ":+1:12: notify.webhooks[0].secrets: the environment has no LOCKBOX_TEST_NONE"},
		{"webhooks: [ { name: siem, url: \"https://x.eu/\",\n  secrets: [\"file:short\"] } ]", ":+1:12: notify.webhooks[0].secrets: the 1. has 7 bytes; use at least 24"},
		{"slack: { team: T024BE7LD, app: A012ABCD0A0,\n bot: \"file:short\" }", ":+1:7: notify.slack.bot is no bot token: it begins with xoxb-"},
		{"slack: { team: general, app: A012ABCD0A0,\n bot: \"file:short\" }", ":+0:26: notify.slack.team is the id of the workspace"},
		{"slack: { team: T024BE7LD, app: A012ABCD0A0, bot: \"file:short\",\n api: \"http://slack.example/api/\" }", ":+1:7: notify.slack.api: it is no https address"},
	} {
		path := withNotify(t, c.yaml)
		dir := filepath.Dir(path)
		if err := os.WriteFile(filepath.Join(dir, "short"), []byte("hunter2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first := 1 + strings.Count(string(b[:strings.Index(string(b), "\nnotify: ")+1]), "\n")
		want := strings.ReplaceAll(c.want, "DIR", dir)
		for n := range 3 {
			want = strings.Replace(want, fmt.Sprintf(":+%d:", n), fmt.Sprintf(":%d:", first+n), 1)
		}
		for _, args := range [][]string{{"serve", "--check"}, {"doctor"}} {
			var out strings.Builder
			code := Main(t.Context(), append(args, "--config", path), &out, &out)
			if code == 0 || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "hunter2") {
				t.Errorf("%s: %v says %d, not %q: %s", c.yaml, args, code, want, out.String())
			}
		}
	}
}

// TestPlainHTTPGoesToThisMachineAlone, and only in development.
func TestPlainHTTPGoesToThisMachineAlone(t *testing.T) {
	for url, want := range map[string][2]bool{ // in production, in development
		"https://siem.example.eu/x": {true, true}, "http://siem.example.eu/x": {false, false}, "http://127.0.0.1:9/x": {false, true}, "http://localhost/x": {false, true},
		"http://[::1]:9/": {false, true}, "http://10.0.0.1/": {false, false}, "http://localhost.evil.eu/": {false, false}, "http://127.0.0.1@evil.eu/": {false, false},
		"https://u@siem.example.eu/": {false, false}, "https://:443/": {false, false}, "ftp://127.0.0.1/": {false, false}, "//127.0.0.1/": {false, false},
	} {
		w := Webhook{URL: url}
		if got := [2]bool{w.takes(false), w.takes(true)}; got != want {
			t.Errorf("%s: got %v, want %v", url, got, want)
		}
	}
}
