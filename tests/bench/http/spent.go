package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// spent is processor time so far.
type spent struct{ way, app time.Duration }

func (b *bench) spent(w way) (s spent, err error) {
	if s.app, err = processor(b.app); err != nil {
		return s, err
	}
	s.way, err = processor(w.pid)
	return s, err
}

// processor is the time that a process has used, and those it started.
func processor(pid int) (sum time.Duration, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return 0, err
	}
	for _, t := range tasks {
		dir := fmt.Sprintf("/proc/%d/task/%s", pid, t.Name())
		b, err := os.ReadFile(filepath.Join(dir, "schedstat"))
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(b), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	children, err := startedBy(pid)
	if err != nil {
		return 0, err
	}
	for _, child := range children {
		more, err := processor(child)
		if err != nil {
			continue // it has ended
		}
		sum += more
	}
	return sum, nil
}

// startedBy are the processes that a process started.
func startedBy(pid int) (all []int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(after); len(f) < 2 || f[1] != strconv.Itoa(pid) {
			continue
		}
		child, err := strconv.Atoi(strings.Split(name, "/")[2])
		if err != nil {
			return nil, err
		}
		all = append(all, child)
	}
	return all, nil
}
