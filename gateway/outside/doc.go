// Package outside says which addresses no target has, so that no door can be
// led back into this gateway or to where a cloud keeps its secrets.
package outside
