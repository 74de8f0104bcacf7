package clients

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatScriptsAreToldWithoutAGrant: whatever program calls, its user sees
// why, what to do, and a line for programs; it fails at once, and standard
// output stays empty.
func TestWhatScriptsAreToldWithoutAGrant(t *testing.T) {
	s := newStage(t)
	s.convert(t)
	for _, c := range []struct {
		name, script string
		code         int
	}{
		{"ssh", `ssh target id`, 255},
		{"ssh with input", `seq 100000 | ssh target cat`, 255},
		{"ssh -N", `timeout 20 bash -c 'ssh target true </dev/null'`, 255},
		{"sysexits", `ssh -o SetEnv=LOCKBOX_EXIT=sysexits target id`, 77},
		{"waits as long as asked", `ssh -o SetEnv="LOCKBOX='WAIT=1s REASON=\"outage, contract 7\"'" target id`, 255},
		{"scp", `scp target:/etc/hostname .`, 255},
		{"scp up", `echo x >x; scp x "target:$THERE/x"; ls "$THERE"`, 255},
		{"scp -O", `scp -O target:/etc/hostname .`, 1},
		{"sftp", `sftp -b - target <<<"get /etc/hostname"`, 255},
		{"rsync", `rsync target:/etc/hostname . || exit 12`, 12},
		{"git", `git ls-remote target:repo`, 128},
		{"tar", `tar -c "$CONFIG" 2>/dev/null | ssh target "tar -xC $THERE"`, 255},
		{"sshfs", `mkdir m; sshfs -f target:/ m -F "$CONFIG"`, 1},
		{"a shell of VS Code", `echo 'echo started' | ssh -T -D "$HERE/s" target bash`, 255},
		{"plink", `putty plink "$HOST" id`, 255},
		{"dbclient", `dbclient "$HOST" id </dev/null`, 255},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, w := range s.ways()[1:] {
				got := s.bash(t, w, "-c", c.script)
				keep(t, "refused-"+strings.ReplaceAll(c.name, " ", "-")+"-"+w.name, got.String())
				if got.code != c.code || got.stdout != "" {
					t.Errorf("%s: %s", w.name, got)
				}
				threeLines(t, w.name, got.stderr)
			}
		})
	}
}

// threeLines holds what we say: at most three lines, one of them JSON.
func threeLines(t *testing.T, name, stderr string) {
	t.Helper()
	var ours, programs int
	for line := range strings.Lines(stderr) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "lockbox-json: "); ok {
			programs++
			var v struct {
				Lockbox   int
				Code, URL string
			}
			if err := json.Unmarshal([]byte(text), &v); err != nil || v.Lockbox != 1 || !strings.HasPrefix(v.Code, "LBX-") || v.URL == "" {
				t.Errorf("%s: %q: %v", name, text, err)
			}
		}
		if strings.HasPrefix(line, "lockbox") {
			ours++
		}
	}
	if programs != 1 || ours < 2 || ours > 3 {
		t.Errorf("%s: %d lines of ours, %d for programs:\n%s", name, ours, programs, stderr)
	}
}

// TestWhatAnsibleSaysWithoutAGrant: the task fails as unreachable, with our lines in it.
func TestWhatAnsibleSaysWithoutAGrant(t *testing.T) {
	s := newStage(t)
	for _, w := range s.ways()[1:] {
		got := s.bash(t, w, "-c", `export ANSIBLE_HOME=$HERE/.ansible ANSIBLE_LOCAL_TEMP=$HERE/tmp ANSIBLE_SSH_CONTROL_PATH_DIR=$HERE/cp ANSIBLE_SSH_ARGS="-F $CONFIG"
			ansible -i target, all -m ping`)
		keep(t, "refused-ansible-"+w.name, got.String())
		if all := got.stdout + got.stderr; got.code != 4 || !strings.Contains(all, "UNREACHABLE") || !strings.Contains(all, "lockbox: ") || !strings.Contains(all, "LBX-NOGRANT") {
			t.Errorf("%s: %s", w.name, got)
		}
	}
}

// keep keeps what a client said in the folder LOCKBOX_LOOK, where it is set: tests cannot tell what is hard to read.
func keep(t *testing.T, name, text string) {
	t.Helper()
	if dir := os.Getenv("LOCKBOX_LOOK"); dir != "" {
		must(t, os.WriteFile(filepath.Join(dir, name+".txt"), []byte(text), 0o644))
	}
}
