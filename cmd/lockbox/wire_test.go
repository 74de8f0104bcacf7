package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"lockbox/recorder/ledger"
)

// What one room needs of another, and would go without in silence, is there.
func TestEveryHookIsWired(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gw")
	if code := Main(t.Context(), []string{"init", dir}, io.Discard, io.Discard); code != 0 {
		t.Fatalf("init: %d", code)
	}
	conf, err := readConfig(filepath.Join(dir, "lockbox.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), conf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{
		"erasures are refused while something is under way": s.Charter.Idle != nil,
		"sessions forget who is erased":                     s.Desk.Forget != nil,
		"recordings are erased only once a session is over": s.Desk.Over != nil && s.Charter.Over != nil,
		"motions have effects":                              s.Charter.Effect != nil,
		"votes of deputies are proven":                      s.Desk.Charter != nil,
		"passkeys count by motions":                         s.People.Charter != nil,
		"broken glass is ratified":                          s.Charter.Glass != nil && s.Charter.Opposed != nil,
		"digests are reviewed":                              s.Charter.Digest != nil,
		"witnesses are asked":                               s.Gateway.Witnesses != nil,
		"witnesses say what they hold at the start":         s.Witnessed != nil,
		"terminals can log in":                              s.People.PeopleCA != nil,
		"people say how they are told":                      s.tells.settings != nil,
		"backups are made":                                  s.backups != nil,
		"recordings are destroyed in their time":            s.Gateway.Archive != nil,
		"recordings are told of to the object storage":      s.Shelf.Closed != nil && s.Shelf.Waits != nil,
	} {
		if !there {
			t.Errorf("it is not wired that %s", name)
		}
	}
	err = s.Ledger.View(t.Context(), func(tx *ledger.Tx) error { return s.Charter.Idle(tx, "nobody@example.eu") })
	if err != nil {
		t.Errorf("somebody without anything cannot be erased: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
