package requests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"lockbox/policy"
	"lockbox/recorder/redact"
)

// A Line is one request at the HTTP door.
type Line struct {
	At      time.Time `json:"at"`
	ID      string    `json:"id"` // correlation id: also in the recording, in the answer and in what the target is told
	Who     string    `json:"who,omitempty"`
	From    string    `json:"from"`
	Target  string    `json:"target,omitempty"`
	Session string    `json:"session,omitempty"` // of the recording
	Method  string    `json:"method"`
	Path    string    `json:"path"` // without the query
	Status  int       `json:"status"`
	Code    string    `json:"code,omitempty"` // LBX-…, of the door's own answer
	Outcome string    `json:"outcome"`        // as of the recording
	Milli   float64   `json:"ms"`
	In      int64     `json:"in"`
	Out     int64     `json:"out"`
}

// Bounds of a log. The zero Bounds are 256 MiB and 7 days.
type Bounds struct {
	Bytes int64
	Keep  time.Duration
}

func (b Bounds) withDefaults() Bounds {
	if b.Bytes <= 0 {
		b.Bytes = 256 << 20
	}
	if b.Keep <= 0 {
		b.Keep = 7 * 24 * time.Hour
	}
	return b
}

// A Log keeps the newest lines, sealed with a key of the gateway's. A nil Log
// keeps nothing.
type Log struct {
	Tell func(Line) // hears of every line; set before the first; nil: nobody does
	Now  func() time.Time

	dir    string
	key    [32]byte
	bounds Bounds
	report func(error)

	mu    sync.Mutex // guards lines
	lines []Line     // that wait
	wake  chan struct{}
	asks  chan chan struct{} // closed when all that was taken before is written
	turns chan chan struct{} // as asks, and the next line goes to a new file
	quit  chan struct{}
	done  chan struct{}
	once  sync.Once
	lost  atomic.Int64 // lines that there was no room for, and that the log does not tell of yet
	all   atomic.Int64 // of those, since the start

	disk sync.Mutex // held by who removes or replaces a file

	// The writer's own:
	spare  []Line // the other half of lines
	red    *redact.Redactor
	file   *file
	number int
	batch  []byte
	broken bool
}

const (
	waiting    = 4096                  // lines
	gather     = 20 * time.Millisecond // so long the writer lets lines come together
	batchMost  = 64 << 10
	flushAfter = 500 * time.Millisecond
	textMost   = 2 << 10 // bytes of a path
)

// Open begins a log in a folder of its own, which is made where it is not there.
func Open(dir string, key [32]byte, b Bounds, report func(error)) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the request log: %w", err)
	}
	l := &Log{
		Now: time.Now, dir: dir, key: key, bounds: b.withDefaults(), report: report,
		wake: make(chan struct{}, 1), asks: make(chan chan struct{}), turns: make(chan chan struct{}), quit: make(chan struct{}), done: make(chan struct{}),
		red: redact.New(policy.RedactTokens | policy.RedactKeys | policy.RedactCPR | policy.RedactCards),
	}
	all, err := l.files()
	if err == nil {
		err = l.clear()
	}
	if err != nil {
		return nil, fmt.Errorf("open the request log: %w", err)
	}
	if n := len(all); n > 0 {
		l.number = all[n-1].number
	}
	go l.run()
	return l, nil
}

// Add takes a line in. It never waits: when too many do, it is counted, and the
// next line but told how many.
func (l *Log) Add(line Line) {
	if l == nil {
		return
	}
	l.mu.Lock()
	n := len(l.lines)
	if n < waiting {
		l.lines = append(l.lines, line)
	}
	l.mu.Unlock()
	switch n {
	case waiting:
		l.lost.Add(1)
		l.all.Add(1)
	case 0, waiting / 2:
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// Missed is how many lines there was no room for, since it was opened.
func (l *Log) Missed() int64 {
	if l == nil {
		return 0
	}
	return l.all.Load()
}

// Close writes what is left, and ends the log.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.once.Do(func() { close(l.quit) })
	<-l.done
	return nil
}

// run is the writer. It comes for many lines at once.
func (l *Log) run() {
	defer close(l.done)
	late, soon := time.NewTimer(flushAfter), time.NewTimer(gather)
	late.Stop()
	soon.Stop()
	hour := time.NewTicker(time.Hour)
	defer hour.Stop()
	for {
		select {
		case <-l.wake:
			if l.many() {
				l.gather(late)
			} else {
				soon.Reset(gather)
			}
		case <-soon.C:
			l.gather(late)
		case <-late.C:
			l.flush()
		case asked := <-l.asks:
			l.gather(late)
			l.flush()
			close(asked)
		case asked := <-l.turns:
			l.gather(late)
			l.flush()
			l.told(l.leave())
			close(asked)
		case <-hour.C: // where nobody comes, what is too old goes all the same
			l.gather(late)
			l.flush()
			l.told(errors.Join(l.leave(), l.trim()))
		case <-l.quit:
			l.gather(late)
			l.flush()
			l.told(l.leave())
			return
		}
	}
}

// many says whether so many lines wait that there may soon be no room.
func (l *Log) many() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines) >= waiting/2
}

// gather takes the lines that wait; they are written when late comes.
func (l *Log) gather(late *time.Timer) {
	l.mu.Lock()
	l.lines, l.spare = l.spare[:0], l.lines
	l.mu.Unlock()
	for _, line := range l.spare {
		if len(l.batch) == 0 {
			late.Reset(flushAfter)
		}
		l.take(line)
	}
	clear(l.spare)
	if cap(l.spare) > waiting/8 { // after a rush
		l.spare = nil
	}
}

// take adds a line to the batch, without what looks like a secret.
func (l *Log) take(line Line) {
	if len(line.Path) > textMost {
		line.Path = line.Path[:textMost] + "…"
	}
	line.Path = l.clean(line.Path)
	l.batch = appendLine(l.batch, line)
	if l.Tell != nil {
		l.Tell(line)
	}
	if n := l.lost.Swap(0); n > 0 {
		l.batch = appendLine(l.batch, Line{At: l.Now().UTC(), Outcome: fmt.Sprintf("%d requests are not written down here: too many came", n)})
	}
	if len(l.batch) >= batchMost {
		l.flush()
	}
}

func (l *Log) clean(text string) string {
	l.red.Reset()
	out := append([]byte(nil), l.red.Write([]byte(text))...)
	return string(append(out, l.red.Flush()...))
}

// flush writes the batch.
func (l *Log) flush() {
	if len(l.batch) == 0 {
		return
	}
	l.told(l.write(l.batch))
	l.batch = l.batch[:0]
}

// told reports what failed, once until it goes again.
func (l *Log) told(err error) {
	if err != nil && !l.broken {
		l.report(fmt.Errorf("write the request log: %w", err))
	}
	l.broken = err != nil
}

// write writes a batch to the newest file, or to a new one.
func (l *Log) write(batch []byte) (err error) {
	if l.file != nil && (l.file.bytes > l.bounds.Bytes/16 || l.broken) {
		err = l.leave()
	}
	if l.file == nil {
		l.number++
		var made error
		l.file, made = newFile(l.dir, l.number, l.key)
		if err = errors.Join(err, made, l.trim()); made != nil {
			l.file = nil
			return err
		}
	}
	return errors.Join(err, l.file.append(batch))
}

// leave ends the newest file.
func (l *Log) leave() error {
	f := l.file
	if l.file = nil; f == nil {
		return nil
	}
	return f.close()
}

// clear removes what Erase was about to put in the place of a file, when it was stopped.
func (l *Log) clear() error {
	left, err := filepath.Glob(filepath.Join(l.dir, "*.new"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// trim removes the oldest files while there is too much, and what is too old.
func (l *Log) trim() error {
	l.disk.Lock()
	defer l.disk.Unlock()
	all, err := l.files()
	if err != nil {
		return err
	}
	size := int64(0)
	for i := len(all) - 1; i >= 0; i-- {
		size += all[i].size
		old := l.Now().Sub(all[i].changed) > l.bounds.Keep
		if size > l.bounds.Bytes-l.bounds.Bytes/16 || old {
			err = errors.Join(err, os.Remove(all[i].path))
		}
	}
	return err
}
