package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lockbox/approvals"
	"lockbox/policy"
)

// TestCodesAreMadePrintedCountedAndRetired by commands, and stand on paper only.
func TestCodesAreMadePrintedCountedAndRetired(t *testing.T) {
	dir, conf := installed(t)
	c, err := readConfig(conf)
	must(t, err)
	s, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	must(t, err)
	must(t, s.Listen())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		stop()
		must(t, <-done)
		must(t, s.Close())
	}()
	pol := *s.Desk.Policy()
	pol.Rules = append(slices.Clone(pol.Rules), policy.Rule{Name: "night", Stages: []policy.Stage{{Kind: policy.ByGlass}}})
	looks := func(want string) {
		t.Helper()
		desk := &approvals.Desk{Ledger: s.Ledger, Charter: s.Charter, Policy: func() *policy.Policy { return &pol }}
		if got := (&Server{Desk: desk}).lookAtGlass(t.Context()); len(got) != 1 || !strings.Contains(got[0].Level+" "+got[0].Text, want) {
			t.Errorf("doctor says %v, want %q", got, want)
		}
	}
	if got := s.lookAtGlass(t.Context()); len(got) != 0 {
		t.Errorf("without a rule for emergencies doctor says %v", got)
	}
	looks("warn no sealed code is ready")
	lockboxes(t, "glass", "make", "--config", conf).want(t, 2, "--target NAME, or --all")
	lockboxes(t, "glass", "make", "--all", "--count", "51", "--config", conf).want(t, 1, "make 1 to 50 codes")
	lockboxes(t, "glass", "make", "--target", "db9.prod", "--config", conf).want(t, 1, `no target "db9.prod"`)
	made := lockboxes(t, "glass", "make", "--all", "--count", "3", "--config", conf).want(t, 0, "SEALED CODE", "3 of 3", "any target", "ssh -t", "glass TARGET")
	pages := strings.Split(made.out, "\f")
	if len(pages) != 4 {
		t.Fatalf("%d pages for 3 codes", len(pages)-1)
	}
	code := strings.TrimSpace(strings.Split(pages[0], "\n")[2])
	lockboxes(t, "glass", "list", "--config", conf).want(t, 0, code[:4]+"  batch ", "3 codes are ready, of 3.")
	lockboxes(t, "glass", "retire", "--config", conf).want(t, 2, "--all")
	lockboxes(t, "glass", "retire", "ZZZZ", "--config", conf).want(t, 1, "there is no code")
	lockboxes(t, "glass", "retire", code[:4], "--config", conf).want(t, 0, "1 codes are retired")
	lockboxes(t, "glass", "list", "--config", conf).want(t, 0, "retired", "2 codes are ready, of 3.")
	looks("ok 2 sealed codes are ready")
	lockboxes(t, "glass", "retire", "--all", "--config", conf).want(t, 0, "2 codes are retired")
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), code) || strings.Contains(string(b), strings.ReplaceAll(code, "-", "")) {
			t.Errorf("%s holds a sealed code", path)
		}
		return err
	})
	must(t, err)
}

// lockboxes runs the program.
func lockboxes(t *testing.T, args ...string) (got ran) {
	t.Helper()
	var out, errs bytes.Buffer
	got.code = Main(t.Context(), args, &out, &errs)
	got.out, got.errs = out.String(), errs.String()
	return got
}
