package ledger

// Where things are, for those who attack them.
func LogAt(seq int64) []byte    { return at(inLog, seq) }
func HashAt(n int64) []byte     { return at(inHashes, n) }
func BesideAt(seq int64) []byte { return at(inBeside, seq) }
func RowAt(key string) []byte   { return rowAt(key) }
func NoteAt() []byte            { return []byte{inNote} }
func FormAt() []byte            { return []byte{inForm} }
func Stones() []byte            { return []byte{inStones} }
func Bytes(f Leaf) []byte       { return f.bytes() }

func own(customer string, key []byte) []byte    { return append([]byte(roomOf(customer)), key...) }
func OwnAt(customer string, n int64) []byte     { return own(customer, at(inLog, n)) }
func OwnHashAt(customer string, n int64) []byte { return own(customer, at(inHashes, n)) }
func HeadAt(customer string, n int64) []byte    { return own(customer, at(inHeads, n)) }
func TipAt(customer string) []byte              { return tipAt(customer) }
func BeatAt(n int64) []byte                     { return at(inBeats, n) }
func SeenAt(size int64) []byte                  { return at(inSeen, size) }
func StateAt() []byte                           { return []byte{inState} }

// Remembered is how many bytes are held of rows that were read.
func (l *Ledger) Remembered() (n int) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	for _, part := range []map[string]*recalled{l.memory.young, l.memory.old} {
		for key, r := range part {
			n += r.size() + len(key)
		}
	}
	return n
}
