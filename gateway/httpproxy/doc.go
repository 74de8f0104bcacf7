// Package httpproxy is the HTTP door: web applications in production, each under
// a host name of its own, behind a recorded reverse proxy.
package httpproxy
