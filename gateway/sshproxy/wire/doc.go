// Package wire makes the sockets of SSH connections cheap: writes that come
// fast go out together, reads take all that is there, and a socket at rest
// holds no memory and no goroutine for it. It does not know what SSH says.
package wire
