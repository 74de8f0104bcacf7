package tests

import (
	"go/version"
	"maps"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

// A law finds what breaks it; a finding says where, and what to do.
type law struct {
	name string
	find func(house) []string
}

func laws() []law {
	return []law{
		{"the top level is fixed", topLevel},
		{"imports go to the left", direction},
		{"each room imports what it was given", walls},
		{"doors never import doors, messengers never messengers", siblings},
		{"each outside module is fenced to its rooms", fences},
		{"no module below its floor", versions},
		{"no init", noInit},
		{"no mutable package variables", noState},
		{"policy is pure", pure},
		{"only cmd and tests start programs", noCommands},
		{"nothing sleeps", noSleep},
		{"no test skips", noSkip},
		{"every package has a doc sentence", documented},
		{"functions and files are short", short},
		{"no stale exceptions", noStaleExcuse},
	}
}

func TestTheHouseKeepsItsLaws(t *testing.T) {
	h := load(t, os.DirFS(".."))
	if len(h.files) < 10 {
		t.Fatalf("found %d Go files: not the whole house", len(h.files))
	}
	for _, l := range laws() {
		t.Run(l.name, func(t *testing.T) {
			for _, f := range l.find(h) {
				t.Error(f)
			}
		})
	}
}

func TestGoIsNotBelowItsFloor(t *testing.T) {
	for _, row := range load(t, os.DirFS("..")).floors {
		floor := "go" + strings.TrimPrefix(row[1], "v")
		if row[0] == "go" && version.Compare(runtime.Version(), floor) < 0 {
			t.Errorf("built with %s, want %s or newer (%s): see https://go.dev/dl", runtime.Version(), floor, row[2])
		}
	}
}

// sound is a small house that keeps every law, in each of the ways that are easy to forbid by mistake.
func sound() map[string]string {
	return map[string]string{
		"go.mod":            "module lockbox\n\nrequire (\n\tgolang.org/x/crypto v0.58.0\n\tgo.etcd.io/bbolt v1.5.0\n)\n",
		"Makefile":          "",
		".gitignore":        "",
		"tests/rooms.txt":   "policy | -\nrecorder | policy\nrecorder/ledger | policy\ngateway | left\ngateway/portal | left gateway\ngateway/sshproxy | left gateway\ncmd/lockbox | all\napprovals/mail | policy\napprovals/slack | policy approvals/mail\n",
		"tests/fences.txt":  "golang.org/x/crypto/ssh | gateway/sshproxy | ssh\ngo.etcd.io/bbolt | recorder/ledger | store\n",
		"tests/floors.txt":  "golang.org/x/crypto v0.56.0 holes\n",
		"tests/allowed.txt": "# none\n",
		"policy/doc.go":     "// Package policy decides. It does nothing else.\npackage policy\n",
		"policy/words.go": "package policy\n\nimport (\n\t\"errors\"\n\t\"regexp\"\n\t\"time\"\n)\n\nvar ErrNo = errors.New(\"no\")\n\n" +
			"var word = regexp.MustCompile(\"x\")\n\nvar _ error = ErrNo\n\nvar errOwn = &T{1}\n\nfunc At(now time.Time) bool { return now.IsZero() || word == nil }\n",
		"policy/words_test.go": "package policy\n\nimport (\n\t\"lockbox/cmd/devtarget\"\n\t\"lockbox/tests/fakes\"\n\t\"os/exec\"\n\t\"testing\"\n\t\"time\"\n)\n\nvar start = time.Now()\n\nfunc TestX(t *testing.T) { exec.Command(fakes.X); skip.Skip() }\n\nfunc TestTable() {\n\tf([]int{\n" +
			strings.Repeat("\t\t1,\n", 100) + "\t})\n}\n",
		"gateway/portal/doc.go":    "// Package portal shows pages.\npackage portal\n",
		"gateway/portal/portal.go": "package portal\n\nimport (\n\t\"embed\"\n\t\"lockbox/gateway\"\n\t\"lockbox/policy\"\n)\n\n//go:embed static\nvar static embed.FS\n\nvar _ = gateway.X\nvar _ = policy.At\n",
		"cmd/lockbox/doc.go":       "// Command lockbox is the one binary.\npackage main\n",
		"cmd/lockbox/main.go":      "package main\n\nimport (\n\t\"golang.org/x/crypto/ssh\"\n\t\"lockbox/gateway/portal\"\n\t\"os/exec\"\n)\n\nfunc main() { exec.Command(portal.X, ssh.X) }\n",
	}
}

func build(t *testing.T, changed map[string]string) house {
	t.Helper()
	tree := fstest.MapFS{}
	all := sound()
	maps.Copy(all, changed)
	for name, text := range all {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return load(t, tree)
}

func TestASoundHouseBreaksNoLaw(t *testing.T) {
	for _, l := range laws() {
		for _, f := range l.find(build(t, nil)) {
			t.Errorf("%s: %s", l.name, f)
		}
	}
}

func TestEachLawCatchesWhatBreaksIt(t *testing.T) {
	long := strings.Repeat("\tg()\n", 60)
	for _, tt := range []struct {
		law, name, path, text string
		want                  string // in exactly one finding of that law
	}{
		{"the top level", "a folder", "util/x.go", "package util", "util: the top level is fixed"},
		{"the top level", "a file", "Dockerfile", "", "Dockerfile: the top level is fixed"},
		{"imports go", "to the right", "policy/x.go", `package policy; import "lockbox/recorder"`, "policy/x.go imports recorder: imports go to the left"},
		{"imports go", "code to tests", "gateway/portal/x.go", `package portal; import "lockbox/tests/fakes"`, "imports tests/fakes"},
		{"imports go", "a test to the right", "policy/x_test.go", `package policy; import "lockbox/cmd/lockbox"`, "policy/x_test.go imports cmd/lockbox"},
		{"each room", "a room not given", "recorder/ledger/x.go", `package ledger; import "lockbox/recorder"`, "tests/rooms.txt does not give recorder/ledger that room"},
		{"each room", "a new room", "gateway/new/x.go", "package new", "gateway/new is a new room"},
		{"doors never", "doors", "gateway/portal/x.go", `package portal; import "lockbox/gateway/sshproxy"`, "doors never import doors"},
		{"doors never", "messengers", "approvals/slack/x.go", `package slack; import "lockbox/approvals/mail"`, "messengers never import messengers"},
		{"each outside", "no fence", "policy/x_test.go", `package policy; import "example.org/x"`, "give it a line in tests/fences.txt"},
		{"each outside", "beside its prefix", "cmd/lockbox/x.go", `package main; import "golang.org/x/crypto/sshx"`, "give it a line in tests/fences.txt"},
		{"each outside", "another room", "gateway/portal/x.go", `package portal; import "golang.org/x/crypto/ssh/agent"`, "tests/fences.txt keeps it to gateway/sshproxy"},
		{"each outside", "for tests only", "tests/fences.txt", "golang.org/x/crypto | tests | x", "cmd/lockbox/main.go imports golang.org/x/crypto/ssh: tests/fences.txt keeps it to tests"},
		{"each outside", "a fence around nothing", "go.mod", "module lockbox\n\nrequire golang.org/x/crypto v0.58.0\n", "go.etcd.io/bbolt is not in go.mod"},
		{"no module", "below", "go.mod", "module lockbox\n\nrequire golang.org/x/crypto v0.55.9\n", "golang.org/x/crypto v0.55.9 is below v0.56.0 (holes): go get"},
		{"no init", "init", "policy/x.go", "package policy; func init() {}", "policy/x.go:1: no func init"},
		{"no init", "in tests too", "policy/x_test.go", "package policy; func init() {}", "no func init"},
		{"no mutable", "a number", "policy/x.go", "package policy; var n = 1", "package variable n"},
		{"no mutable", "no value", "policy/x.go", "package policy; var m map[string]int", "package variable m"},
		{"no mutable", "a table", "policy/x.go", "package policy; var table = []int{1}", "package variable table"},
		{"no mutable", "in a group", "policy/x.go", "package policy\nimport \"errors\"\nvar (\n\ta = errors.New(\"\")\n\tb = a\n)", "package variable b"},
		{"no mutable", "a call", "policy/x.go", `package policy; import "sync"; var o = sync.OnceValue(f)`, "package variable o"},
		{"policy is", "clock", "policy/x.go", `package policy; import "time"; var _ = time.Now()`, "no time.Now in policy"},
		{"policy is", "clock as a value", "policy/x.go", `package policy; import "time"; func f() any { return time.Now }`, "no time.Now in policy"},
		{"policy is", "timer", "policy/lang/x.go", `package lang; import "time"; var _ = time.Since(x)`, "no time.Since in policy"},
		{"policy is", "I/O", "policy/x.go", `package policy; import "os"`, "policy/x.go imports os: policy is pure"},
		{"policy is", "goroutine", "policy/x.go", `package policy; func f() { go f() }`, "no goroutines in policy"},
		{"only cmd", "program", "gateway/portal/x.go", `package portal; import "os/exec"`, "imports os/exec: only cmd and tests"},
		{"nothing sleeps", "sleep", "gateway/portal/x.go", `package portal; import "time"; func f() { time.Sleep(1) }`, "no time.Sleep"},
		{"no test skips", "skip", "policy/x_test.go", `package policy; func TestX(t *T) { t.Skip("x") }`, "tests do not skip"},
		{"no test skips", "short", "policy/x_test.go", `package policy; func TestX(t *T) { if testing.Short() { return } }`, "tests do not skip"},
		{"every package", "no doc.go", "gateway/x.go", "// Package gateway is.\npackage gateway", "gateway: write gateway/doc.go"},
		{"every package", "no sentence", "policy/doc.go", "// policy\npackage policy", "policy: write policy/doc.go"},
		{"functions and", "function", "policy/x.go", "package policy\nfunc f() {\n" + long + "}", "policy/x.go:2: f has 62 lines, more than 60"},
		{"functions and", "method", "policy/x.go", "package policy\nfunc (a *A[T]) f() {\n" + long + "}", "A.f has 62 lines"},
		{"functions and", "test", "policy/x_test.go", "package policy\nfunc TestX() {\n" + long + "}", "TestX has 62 lines"},
		{"functions and", "file", "policy/x.go", "package policy" + strings.Repeat("\n", 401), "policy/x.go has 401 lines, more than 400"},
		{"no stale", "function", "tests/allowed.txt", "func policy/words.go:At it is long", "func policy/words.go:At is no longer needed"},
		{"no stale", "variable", "tests/allowed.txt", "var policy/words.go:word why not", "var policy/words.go:word is no longer needed"},
	} {
		t.Run(tt.law+"/"+tt.name, func(t *testing.T) {
			h := build(t, map[string]string{tt.path: tt.text})
			for _, l := range laws() {
				if !strings.HasPrefix(l.name, tt.law) {
					continue
				}
				got := strings.Join(l.find(h), "\n")
				if n := strings.Count(got, tt.want); n != 1 || got == "" {
					t.Errorf("got %q, want one finding with %q", got, tt.want)
				}
				return
			}
			t.Fatalf("no law begins with %q", tt.law)
		})
	}
}

func TestAnExceptionWithAReasonIsKept(t *testing.T) {
	h := build(t, map[string]string{
		"policy/x.go":       "package policy\nvar table = f()\nfunc f() int {\n" + strings.Repeat("\n", 410) + "\treturn 1\n}",
		"tests/allowed.txt": "func policy/x.go:f one step per line\nfile policy/x.go generated\nvar policy/x.go:table never written after start\n",
	})
	for _, l := range laws() {
		for _, f := range l.find(h) {
			t.Errorf("%s: %s", l.name, f)
		}
	}
}
