// Package door is a gateway in a process of its own, with people in it and one
// of them allowed in: for benches, and for tests that kill it or take its disk
// away. It is the real gateway; only its people are made up.
package door
