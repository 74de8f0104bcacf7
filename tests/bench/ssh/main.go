package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"lockbox/tests/bench/figures"
	"lockbox/tests/door"
)

// A bench collects figures and keeps its files in one folder.
type bench struct {
	figures.Table

	dir     string
	rounds  int
	n       int
	size    int64 // bytes of a bulk transfer
	long    time.Duration
	profile string
	sshd    string // lines of its configuration, before the others
}

func main() {
	door.Serve()
	serveNaive()
	b := &bench{Table: figures.Table{Goals: goals(), With: []string{sshVersion()}}}
	flag.IntVar(&b.rounds, "rounds", 5, "how often everything is measured")
	flag.IntVar(&b.n, "n", 0, "how many sessions, for -only sessions, memory and idle; 0: 160, 200 and 2,000")
	flag.DurationVar(&b.long, "for", 10*time.Minute, "how long -only idle lasts")
	flag.StringVar(&b.profile, "profile", "", "folder for profiles of the gateway")
	mib := flag.Int64("mib", 512, "size of a bulk transfer")
	only := flag.String("only", "", "setup, bulk, keys, sessions or memory; empty for all of these; idle and rekey by name alone")
	out := flag.String("json", "", "file for the figures as JSON")
	flag.Parse()
	b.size = *mib << 20
	if err := b.run(*only, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (b *bench) run(only, out string) (err error) {
	if b.dir, err = os.MkdirTemp("", "bench-ssh"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }() // the system's folder is swept
	if err := moreFiles(); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		do   func() error
		all  bool
	}{
		{"setup", b.setup, true}, {"bulk", b.bulk, true}, {"keys", b.keys, true}, {"sessions", b.sessions, true}, {"memory", b.memory, true},
		{"idle", b.idle, false}, {"rekey", b.rekey, false},
	} {
		if only != part.name && (only != "" || !part.all) {
			continue
		}
		if err := b.room(20 << 30); err != nil {
			return err
		}
		if err := part.do(); err != nil {
			return errors.Join(fmt.Errorf("%s: %w\n%s", part.name, err, b.reported()), b.Print(out))
		}
	}
	return b.Print(out)
}

// reported is the end of what the gateways reported.
func (b *bench) reported() (text string) {
	logs, _ := filepath.Glob(b.file("*.log")) // the pattern is good
	for _, l := range logs {
		s, err := os.ReadFile(l)
		if err != nil {
			s = []byte(err.Error())
		}
		text += string(s[max(0, len(s)-1000):])
	}
	return text
}

// room refuses to fill the disk.
func (b *bench) room(want uint64) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &s); err != nil {
		return err
	}
	if free := s.Bavail * uint64(s.Bsize); free < want {
		return fmt.Errorf("%s has %d GiB free; %d are wanted before it begins", b.dir, free>>30, want>>30)
	}
	return nil
}

// moreFiles lets this process, and those it starts, open as many files as they may.
func moreFiles() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}

func (b *bench) file(name string) string { return filepath.Join(b.dir, name) }
