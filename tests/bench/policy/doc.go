// Command policy compares decisions with those of Cedar and OPA: the same
// 1,000 rules and 10,000 targets, the same questions, in turns of one run. It
// is a module of its own, so that the gateway does not depend on what it is
// compared with.
package main
