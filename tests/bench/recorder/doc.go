// Command recorder measures what recording costs a session: the same gateway
// with and without, side by side. Without exists only here: this program builds
// itself a second time over a copy of the recorder that keeps nothing.
package main
