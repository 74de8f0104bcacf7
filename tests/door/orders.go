package door

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
)

// orders does what whoever started this process says, a line each, until they are gone:
//
//	revoke        take the grant away
//	collect       give memory back that nobody holds
//	heap FILE     write a profile of the memory that is held
//	memory FILE   write what the runtime says about it
//	stacks FILE   write all goroutines
//	cpu FILE      begin a profile of the processor's time
//	end           end it
func (p *process) orders(ctx context.Context, in *bufio.Reader, code string) {
	var cpu *os.File
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		order, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch order {
		case "revoke":
			err = p.Desk.Revoke(ctx, p.Ceo.Principal, code, "the bench is over")
		case "heap", "stacks", "memory":
			err = profile(order, file)
		case "collect":
			debug.FreeOSMemory()
		case "cpu":
			if cpu, err = os.Create(file); err == nil {
				err = pprof.StartCPUProfile(cpu)
			}
		case "end":
			pprof.StopCPUProfile()
			err = cpu.Close()
		default:
			err = fmt.Errorf("no such order: %q", order)
		}
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("done")
	}
}

func profile(what, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // a profile that is cut short says so itself
	switch what {
	case "stacks":
		return pprof.Lookup("goroutine").WriteTo(f, 1)
	case "heap":
		return pprof.Lookup("heap").WriteTo(f, 0)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return json.NewEncoder(f).Encode(map[string]uint64{
		"heap in use, KiB": m.HeapInuse >> 10, "heap idle": (m.HeapIdle - m.HeapReleased) >> 10, "stacks": m.StackInuse >> 10, "next GC": m.NextGC >> 10,
		"collections": uint64(m.NumGC), "goroutines": uint64(runtime.NumGoroutine()), "other": (m.MSpanSys + m.MCacheSys + m.GCSys + m.OtherSys + m.BuckHashSys) >> 10,
	})
}
