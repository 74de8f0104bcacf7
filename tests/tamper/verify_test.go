package tamper

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"

	"lockbox/approvals"
)

// A finding is what `lockbox verify` said.
type finding struct {
	code  int
	steps []approvals.Step
	said  string
}

// failed is the step that does not hold first, as it is named; "" where all hold.
func (f finding) failed() string {
	if f.code == 2 {
		return "exit code 2"
	}
	for _, s := range f.steps {
		if s.Failed() || s.Name == "recording key" { // which may be destroyed, and is said to be
			return fmt.Sprintf("%d %s", s.Step, s.Name)
		}
	}
	return ""
}

// verify runs the program in the scene's folder.
func (s *scene) verify(ctx context.Context, args ...string) (finding, error) {
	c := exec.CommandContext(ctx, s.program, append([]string{"verify", "--json"}, args...)...)
	c.Dir = s.dir
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if c.ProcessState == nil {
		return finding{}, err
	}
	f := finding{code: c.ProcessState.ExitCode(), said: errs.String()}
	if f.code == 2 {
		return f, nil
	}
	if jerr := json.Unmarshal(out.Bytes(), &f.steps); jerr != nil {
		return f, fmt.Errorf("verify %v: %w, %w: %s%s", args, err, jerr, out.Bytes(), errs.Bytes())
	}
	if f.code > 2 || f.code == 1 && f.failed() == "" {
		return f, fmt.Errorf("verify %v: exit code %d, and the steps say %q: %s", args, f.code, f.failed(), out.Bytes())
	}
	return f, nil
}

func TestWhatTheGatewayMadeHolds(t *testing.T) {
	s := newScene(t)
	for _, args := range [][]string{
		{"receipt.json"}, {"other.json"}, {"receipt.json", "--pins", "alone.json"}, {"old.note"}, {"new.note"}, {"main.tar"}, {"old.tar"}, {"grown.json"},
		{"main.tar", "--since", "old.note"}, {"main.tar", "--since", "old.tar"}, {"main.tar", "--since", "other.json"},
		{"grown.json", "--since", "old.note"}, {"old.note", "--since", "old.note"},
		{"nord.tar", "--main", "main.tar"}, {"nord.tar", "--main", "receipt.json"}, {"nord.tar", "--pins", "alone.json"},
		{"nord.tar", "--main", "main.tar", "--since", "other.json"},
		{"recordings/" + s.session}, {"recordings/" + s.session, "--receipt", "receipt.json"},
		{"month.json"}, {"fork.tar"},
	} {
		f, err := s.verify(t.Context(), args...)
		if err != nil || f.code != 0 {
			t.Errorf("verify %v: exit code %d, %v, %s: %v", args, f.code, err, f.said, f.steps)
		}
	}
}

func TestAForkAndARewindAreNamed(t *testing.T) {
	s := newScene(t)
	for _, tt := range []struct {
		name, step string
		args       []string
	}{
		{"a log that was rewound", "7 growth", []string{"old.tar", "--since", "new.note"}},
		{"a checkpoint that was rewound", "7 growth", []string{"old.note", "--since", "new.note"}},
		{"a rewound log, against a receipt", "7 growth", []string{"old.tar", "--since", "receipt.json"}},
		{"a fork that is shorter or longer", "7 growth", []string{"fork.tar", "--since", "old.note"}},
		{"a fork's checkpoint", "7 growth", []string{"fork.note", "--since", "new.note"}},
		{"a fork of a customer's log, against its receipt", "7 growth", []string{"nord-fork.tar", "--pins", "alone.json", "--since", "other.json"}},
		{"a fork of a customer's log, in the main one", "7 main log", []string{"nord-fork.tar", "--main", "main.tar"}},
		{"a customer's log of a fork, by a receipt", "7 main log", []string{"nord-fork.tar", "--main", "receipt.json"}},
		{"a proof of growth of something else", "7 growth", []string{"grown.json", "--since", "fork.note"}},
		{"growth that is not proven", "7 growth", []string{"new.note", "--since", "old.note"}},
		{"logs of two names", "7 growth", []string{"main.tar", "--since", "nord.note"}},
		{"a customer's log, whose witnesses saw the main one", "8 witnesses", []string{"nord.tar"}},
		{"the recording of another session", "9 recording in the log", []string{"recordings/" + s.session, "--receipt", "other.json"}},
	} {
		f, err := s.verify(t.Context(), tt.args...)
		if err != nil || f.failed() != tt.step {
			t.Errorf("%s: got %q, %v, want %q: %s%v", tt.name, f.failed(), err, tt.step, f.said, f.steps)
		}
	}
}

func TestTheCallerIsToldOfMistakes(t *testing.T) {
	s := newScene(t)
	s.write(t, "empty.json", nil)
	s.write(t, "x.json", []byte(`{"format":"other/v1"}`))
	s.write(t, "x.txt", []byte("hello\x1b[2J\n"))
	for _, tt := range []struct {
		args []string
		want string // step, or exit code
		says string
	}{
		{[]string{"nothing.json"}, "exit code 2", "no such file"},
		{[]string{"receipt.json", "--pins", "nothing.json"}, "exit code 2", "read the pins"},
		{[]string{"receipt.json", "--pins", "empty.json"}, "exit code 2", "read the pins"},
		{[]string{"receipt.json", "--pins", "receipt.json"}, "exit code 2", "read the pins"},
		{[]string{"receipt.json", "--main", "main.tar"}, "exit code 2", "--main says nothing about a receipt"},
		{[]string{"main.tar", "--receipt", "receipt.json"}, "exit code 2", "--receipt says nothing about a log"},
		{[]string{"main.tar", "--since", "nothing.note"}, "exit code 2", "no such file"},
		{[]string{"receipt.json", "--extract", "."}, "exit code 2", "file exists"},
		{[]string{"old.note", "--extract", "votes"}, "exit code 2", "no votes in a checkpoint"},
		{[]string{"x.json"}, "0 form", "lockbox verify reads a receipt"},
		{[]string{"x.txt"}, "0 form", "lockbox verify reads a receipt"},
		{[]string{"empty.json"}, "0 form", "lockbox verify reads a receipt"},
		{[]string{"recordings"}, "0 form", "lockbox verify reads a receipt"},
		{[]string{"main.tar", "--since", "x.txt"}, "0 form", "lockbox verify reads a receipt"},
	} {
		f, err := s.verify(t.Context(), tt.args...)
		text := must(json.Marshal(f.steps))(t)
		if err != nil || f.failed() != tt.want || !bytes.Contains(append(text, f.said...), []byte(tt.says)) || bytes.ContainsAny(text, "\x1b") {
			t.Errorf("verify %v: got %q, %v, %s%s, want %q", tt.args, f.failed(), err, f.said, text, tt.want)
		}
	}
}
