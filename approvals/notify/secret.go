package notify

import "fmt"

// A Secret is what a channel proves with who it is. It is never printed, whatever it is printed with.
type Secret string

// Format says that it is one.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("secret")) } // fmt has nowhere to report to

// String is for what asks for no format: a panic.
func (Secret) String() string { return "secret" }

// MarshalText is for JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte("secret"), nil }
