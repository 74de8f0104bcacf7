// Package policy holds the words of Lockbox and decides, from facts it is
// given, who may do what. It reads no clock, no file and no network, and keeps
// no state: the same Question always has the same Decision.
package policy
