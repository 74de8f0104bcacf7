package harness

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// killTree kills pid and, where there is a /proc, its descendants: sshd's children, for one, have sessions of their own.
func killTree(pid int) {
	_ = syscall.Kill(pid, syscall.SIGSTOP) // so that it starts no more
	for _, child := range children(pid) {
		killTree(child)
	}
	kill([]int{pid})
}

func kill(pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // gone already is as good
	}
}

// tree returns the process ids of cmd and its descendants, none when it was not started.
func tree(cmd *exec.Cmd) []int {
	if cmd == nil || cmd.Process == nil {
		return nil
	}
	pids := []int{cmd.Process.Pid}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, children(pids[i])...)
	}
	return pids
}

// children returns the processes whose parent is pid.
func children(pid int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, f := range stats {
		data, err := os.ReadFile(f)
		if err != nil {
			continue // ended
		}
		i := bytes.LastIndexByte(data, ')') // the name before it may hold anything
		fields := bytes.Fields(data[i+1:])  // state, parent, …
		if i < 0 || len(fields) < 2 || string(fields[1]) != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			found = append(found, child)
		}
	}
	return found
}
