// Package mail carries notices by mail, over TLS or not at all. A mail holds one
// link that does nothing, and nothing that a reply or a call could approve.
package mail
