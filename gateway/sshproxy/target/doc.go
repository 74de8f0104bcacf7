// Package target is the way out: connections to SSH targets, some of them keyed ahead, each authenticated with a certificate of
// its own. It does not decide who may go there.
package target
