// Package tamper changes everything that can be verified in every way that
// somebody who wants to be believed would, and wants `lockbox verify` to name
// the step that does not hold. It holds only tests.
package tamper
