// Command http measures the HTTP door beside the application itself, nginx, Caddy, a bare ReverseProxy and oauth2-proxy, all in one
// run and with TLS 1.3 in front. It needs wrk; what of the others is not installed is left out, and that is said.
package main
