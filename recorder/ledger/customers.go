package ledger

// spread writes an event that was just appended to the main log into the logs
// of the customers whom it concerns.
func (tx *Tx) spread(Event, Leaf) error { return nil }

// heads are the events of the main log that hold the heads of those customers'
// logs that this commit made grow. They are the last events of a commit, once
// for all transactions in it.
func (tx *Tx) heads() ([]Event, error) { return nil, nil }

// customers is a step of Check: each customer's log is what the main log says it is.
func (c *checker) customers() error { return nil }
