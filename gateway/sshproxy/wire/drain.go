package wire

import (
	"reflect"
)

// Drain lets go of what x/crypto/ssh keeps of a connection, of a server or a
// client, whose socket is closed. It may be called while others read on.
//
// When a peer breaks the protocol, the library stops to take packets; if more
// than 16 are on their way by then, its reader waits for ever to hand over the
// next, and with it two goroutines, the packets (up to 4 MiB) and everybody in
// Wait (handshake.go, readLoop; the same in v0.58.0). Nothing public reads from
// that channel. Where the library has changed, nothing is done: a test tells.
func Drain(conn any) {
	packets, ok := incoming(conn)
	if !ok {
		return
	}
	for range packets { // the reader closes it
		continue
	}
}

// incoming is the channel transport.incoming of what ssh.NewClientConn gives, of
// ssh.ServerConn.Conn, and of ssh.ServerPreAuthConn.
func incoming(conn any) (<-chan []byte, bool) {
	v := reflect.ValueOf(conn)
	for _, field := range []string{"transport", "incoming"} {
		if v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return nil, false
		}
		v = v.Elem().FieldByName(field)
	}
	if !v.IsValid() || v.Type() != reflect.TypeFor[chan []byte]() {
		return nil, false
	}
	return *(*chan []byte)(v.Addr().UnsafePointer()), true
}
