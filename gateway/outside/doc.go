// Package outside says which addresses no target and no receiver has, so that no
// door and no message can be led back into this gateway, into the network that it
// stands in, or to where a cloud keeps its secrets. One table serves all that dials.
package outside
