// Package identity holds what README shows of how an application knows who is
// there: the same lines are run here, against tokens that are right and wrong.
package identity
