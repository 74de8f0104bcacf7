// Command lockbox is the gateway and everything that goes with it, in one
// program. It wires the packages together and answers for nothing itself.
package main
