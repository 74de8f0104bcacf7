package heap

import (
	"context"
	"runtime/debug"
	"testing"
	"time"
)

const mib = 1 << 20

// beats has a keeper see so many beats that each allocate bytes in objects.
func (k *keeper) beats(n int, bytes, objects uint64) (cleaned int) {
	for range n {
		s := k.last
		s.bytes, s.objects = s.bytes+bytes, s.objects+objects
		if k.beat(s) {
			cleaned++
		}
	}
	return cleaned
}

func TestPacketsThatPourGetRoomAndNothingElseDoes(t *testing.T) {
	for _, row := range []struct {
		what           string
		bytes, objects uint64
		held           uint64
		want           int
	}{
		{"packets that pour", 64 * mib, 2048, 8 * mib, 600},
		{"packets, where much is held already", 64 * mib, 2048, 400 * mib, 100},
		{"sessions that are set up", 64 * mib, 500_000, 8 * mib, 100},
		{"a few packets", 2 * mib, 64, 8 * mib, 100},
		{"nothing", 0, 0, 0, 100},
	} {
		k := keeper{usual: 100, last: sample{held: row.held}}
		if k.beats(1, row.bytes, row.objects); k.percent != row.want {
			t.Errorf("%s: %d %%, want %d", row.what, k.percent, row.want)
		}
		if k.beats(1, 0, 0); k.percent != 100 {
			t.Errorf("%s: %d %% afterwards", row.what, k.percent)
		}
	}
}

func TestMoreThanUsualIsUsualWhereTheOperatorSaysSo(t *testing.T) {
	k := keeper{usual: 900, last: sample{held: 8 * mib}}
	if k.beats(1, 64*mib, 2048); k.percent != 900 {
		t.Errorf("%d %%", k.percent)
	}
}

func TestAtRestItIsCleanedUpOnceAndOnlyIfItIsWorthIt(t *testing.T) {
	k := keeper{usual: 100, last: sample{held: 8 * mib}}
	if n := k.beats(100, 1000, 10); n != 0 {
		t.Errorf("cleaned up %d times after next to nothing", n)
	}
	if n := k.beats(19, 20*mib, 100_000) + k.beats(rests-1, 1000, 10); n != 0 {
		t.Errorf("cleaned up %d times too early", n)
	}
	if n := k.beats(100, 1000, 10); n != 1 {
		t.Errorf("cleaned up %d times at rest, want 1", n)
	}
	k.last.held = 400 * mib
	if n := k.beats(rests*3, 5*mib, 10_000); n != 3 {
		t.Errorf("cleaned up %d times beside a trickle that is little of what is held, want 3", n)
	}
	k.wait = 2 * rests
	if n := k.beats(rests*3, 5*mib, 10_000); n != 2 {
		t.Errorf("cleaned up %d times when it takes long, want 2", n)
	}
}

func TestItEndsAndLeavesTheCollectorAsItWas(t *testing.T) {
	before := debug.SetGCPercent(123)
	defer debug.SetGCPercent(before)
	ctx, stop := context.WithTimeout(t.Context(), 2*beat+50*time.Millisecond)
	defer stop()
	Keep(ctx)
	if got := debug.SetGCPercent(before); got != 123 {
		t.Errorf("%d %%", got)
	}
}
