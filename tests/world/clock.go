package world

import "time"

// Clock is a clock that begins at the present and does not jump when somebody sets the machine's: a gateway that sees a jump
// stops trusting its clock, and machines that tests run on are halted and go on.
func Clock() func() time.Time {
	began := time.Now()
	return func() time.Time { return began.Add(time.Since(began)) }
}
