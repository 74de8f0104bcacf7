// Package attacks plays what somebody would do to get in, to be believed or to
// see what is not theirs, one test per row of the attack catalogue. It holds
// only tests, which run against the real rooms.
package attacks
