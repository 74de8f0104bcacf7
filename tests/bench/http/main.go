package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	long    time.Duration // of each measurement
	conns   int
	sockets int
	ways    []way
	gate    *door.Gateway
	hello   door.WebHello
	missing []string
	heap    string         // file
	app     int            // pid of the application
	only    string         // names of ways, by comma
	parts   string         // what is measured, by comma
	ended   sync.WaitGroup // peers
}

func main() {
	door.ServeWeb()
	servePeer()
	b := &bench{Table: figures.Table{Goals: goals()}}
	flag.IntVar(&b.rounds, "rounds", 5, "how often everything is measured")
	flag.DurationVar(&b.long, "for", 3*time.Second, "how long each measurement lasts")
	flag.IntVar(&b.conns, "conns", 32, "connections at a time")
	flag.IntVar(&b.sockets, "sockets", 5000, "WebSockets that are idle; 0: none")
	flag.StringVar(&b.only, "only", "", "which ways are measured, by comma; all where it is empty")
	flag.StringVar(&b.parts, "parts", "keep,new,idle", "what is measured: requests on connections that are kept, new connections, idle WebSockets")
	flag.StringVar(&b.heap, "heap", "", "file for a profile of the gateway's memory with the WebSockets open; beside it what the runtime says, and all goroutines")
	profile := flag.String("profile", "", "file for a profile of the gateway's processor time under keep-alive load")
	out := flag.String("json", "", "file for the figures as JSON")
	flag.Parse()
	if err := b.run(*profile, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (b *bench) run(profile, out string) (err error) {
	if b.dir, err = os.MkdirTemp("", "bench-http"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }() // the system's folder is swept
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer b.ended.Wait()
	defer stop() // ends the peers
	if err := b.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.gate.Stop()) }()
	for range b.rounds {
		if err := b.round(); err != nil {
			return err
		}
	}
	if profile != "" {
		if err := b.profile(profile); err != nil {
			return err
		}
	}
	if b.sockets > 0 && b.does("idle") {
		if err := b.idle(); err != nil {
			return fmt.Errorf("idle WebSockets: %w", err)
		}
	}
	return b.report(out)
}

// round measures each way once.
func (b *bench) round() error {
	for _, w := range b.ways {
		if b.only != "" && !slices.Contains(strings.Split(b.only, ","), w.name) {
			continue
		}
		if b.does("keep") {
			if err := b.keepAlive(w); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
		if b.does("new") {
			if err := b.connections(w); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	return nil
}

func (b *bench) does(part string) bool { return slices.Contains(strings.Split(b.parts, ","), part) }

func (b *bench) profile(file string) error {
	if err := b.gate.Tell("cpu " + file); err != nil {
		return err
	}
	w := b.way(gate)
	w.name = "gateway, profiled"
	err := b.keepAlive(w)
	return errors.Join(err, b.gate.Tell("end"))
}

func (b *bench) file(name string) string { return filepath.Join(b.dir, name) }
