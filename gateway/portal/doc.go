// Package portal is where people come in by browser: pages to ask, to decide, to
// touch, to follow and to replay, and the passkey ceremonies they need. It decides
// nothing: every page asks the desk, the gateway and the directory again, for the
// person who is signed in.
package portal
