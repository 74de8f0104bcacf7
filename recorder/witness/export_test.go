package witness

// Reprint reads a submission and prints it.
func Reprint(b []byte) ([]byte, error) {
	s, err := parseSubmission(b)
	return s.bytes(), err
}

// ParseSize reads the body of a 409.
func ParseSize(b []byte) (int64, error) { return parseSize(b) }
