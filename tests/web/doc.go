// Package web holds what others' clients and applications find at the HTTP door: the same as without it. Conformance suites run
// against an application directly and through the door, and real applications are used in a real browser.
package web
