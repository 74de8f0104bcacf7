package sshproxy

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// waiting are the goroutines that hold a client and what it does, as stacks.
func waiting() (all []string) {
	buf := make([]byte, 4<<20)
	for s := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(s, "sshproxy.(*client).") || strings.Contains(s, "target.newConn.") {
			all = append(all, s)
		}
	}
	return all
}

// Each has a stack, and there are thousands of sessions.
func TestASessionAtRestIsHeldByFewGoroutines(t *testing.T) {
	h := newHouse(t)
	h.granted(t, h.Eng, time.Hour)
	f := onScreen(t, h.dial(t, login, h.Eng), "echo ready; cat")
	f.expect("ready")
	const most = 7 // the client, its session, the program's input, output, errors and requests, and the target
	late := time.After(15 * time.Second)
	for all := waiting(); len(all) > most; all = waiting() {
		select {
		case <-late:
			t.Fatalf("%d goroutines, at most %d:\n%s", len(all), most, strings.Join(all, "\n\n"))
		case <-time.After(50 * time.Millisecond):
		}
	}
	if n := len(waiting()); n == 0 {
		t.Error("no goroutine was found")
	}
}
