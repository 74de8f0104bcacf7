// Package heap says how much garbage the process may hold: more while bytes
// pour through it, none when it is at rest.
package heap
