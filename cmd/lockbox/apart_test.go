package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lockbox/policy"
)

func TestD14ATargetIsNotTheGatewayItself(t *testing.T) {
	var c Config
	c.URL = "https://lock.example.eu"
	c.SSH.Listen, c.HTTP.Listen, c.Ops.Listen = ":2222", "127.0.0.1:8080", ""
	for address, ours := range map[string]bool{
		"127.0.0.1:2222": true, "127.0.0.9:2222": true, "[::1]:2222": true, "localhost:2222": true, "lock.example.eu:2222": true, "lock.example.eu:8080": true,
		"127.0.0.1:8080": true, "127.0.0.9:8080": false, "127.0.0.1:22": false, "10.0.0.5:22": false, "db1.example.eu:2222": false, "lock.example.eu:22": false,
	} {
		err := c.apart(map[string]*policy.Target{"db1.prod": {Name: "db1.prod", Address: address}})
		if (err != nil) != ours {
			t.Errorf("%s: got %v", address, err)
		}
	}
}

func TestD14CheckRefusesATargetThatIsTheGateway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gw")
	if code := Main(t.Context(), []string{"init", dir}, io.Discard, io.Discard); code != 0 {
		t.Fatalf("init: %d", code)
	}
	conf, err := readConfig(filepath.Join(dir, "lockbox.yaml"))
	must(t, err)
	check := func() (int, string) {
		var errs bytes.Buffer
		code := Main(t.Context(), []string{"serve", "--check", "--config", filepath.Join(dir, "lockbox.yaml")}, io.Discard, &errs)
		return code, errs.String()
	}
	if code, said := check(); code != 0 {
		t.Fatalf("as it was made: %d %s", code, said)
	}
	files, err := filepath.Glob(filepath.Join(conf.Policy.Dir, "*.yaml"))
	must(t, err)
	changed := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		lines := strings.Split(string(text), "\n")
		for i, l := range lines {
			if before, _, ok := strings.Cut(l, "address:"); ok && strings.TrimSpace(before) == "" {
				lines[i], changed = before+"address: \""+conf.SSH.Listen+"\"", changed+1
			}
		}
		must(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
	}
	if code, said := check(); changed == 0 || code == 0 || !strings.Contains(said, "is where this gateway itself listens") {
		t.Errorf("%d addresses changed: %d %s", changed, code, said)
	}
}
