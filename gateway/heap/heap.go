package heap

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"time"
)

const (
	beat = 500 * time.Millisecond
	room = 48 << 20 // bytes of garbage, while bytes pour

	pours = 8 << 20 // bytes allocated in a beat, at least, and
	large = 1 << 10 // bytes of an object, on average: packets

	calm   = 1 << 20 // bytes allocated in a beat of rest, or a 64th of what is held
	rests  = 10      // beats of rest in a row, after which it is cleaned up
	litter = 1 << 20 // bytes allocated since it was cleaned up, or a 16th of what is held: else it is not worth it
	sweeps = 3       // collections of a clean-up: a stack shrinks by half at each
	share  = 50      // so many times the processor time of a clean-up pass before the next
)

// Keep has the collector run as it suits the load, until ctx ends. While
// packets pour through a process that holds little, it would run all the time
// (a sixth of the processor time of a bulk transfer): it leaves them some room.
// Garbage of another kind gets none, for what survives in it is strewn, and
// keeps much memory from being given back. After a while of rest all that can
// be is.
func Keep(ctx context.Context) {
	usual := debug.SetGCPercent(100)
	debug.SetGCPercent(usual)
	if usual < 0 {
		return // whoever runs it knows better
	}
	defer func() { debug.SetGCPercent(usual) }()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	k := keeper{usual: usual, percent: usual, last: look()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		was := k.percent
		clean := k.beat(look())
		if k.percent != was {
			debug.SetGCPercent(k.percent)
		}
		if clean {
			before := spent()
			for range sweeps - 1 {
				runtime.GC()
			}
			debug.FreeOSMemory()
			k.wait = int(share * (spent() - before) / beat)
		}
	}
}

// spent is the processor time of the process so far; 0 where nobody says.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A sample is what the process has allocated so far, and what it held at the
// last collection.
type sample struct{ bytes, objects, held uint64 }

func look() sample {
	all := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(all)
	return sample{all[0].Value.Uint64(), all[1].Value.Uint64(), all[2].Value.Uint64()}
}

// A keeper decides once a beat.
type keeper struct {
	usual   int
	percent int // of what is held, that may be garbage
	last    sample
	cleaned uint64 // bytes allocated when it was cleaned up last
	calm    int    // beats
	wait    int    // beats until it may be cleaned up again
}

// beat says whether to clean up now.
func (k *keeper) beat(now sample) bool {
	bytes, objects := now.bytes-k.last.bytes, now.objects-k.last.objects
	k.last = now
	k.percent = k.usual
	if bytes >= pours && bytes/max(objects, 1) >= large {
		k.percent = max(k.usual, int(room*100/max(now.held, 1<<20)))
	}
	if k.calm++; bytes > max(calm, now.held/64) {
		k.calm = 0
	}
	k.wait = max(0, k.wait-1)
	if k.calm < rests || k.wait > 0 || now.bytes-k.cleaned < max(litter, now.held/16) {
		return false
	}
	k.calm, k.cleaned = 0, now.bytes
	return true
}
