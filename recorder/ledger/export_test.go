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
