// Package archive keeps recordings in object storage too: it takes closed
// segments there while the session goes on, brings them back to be played,
// destroys keys in every copy, and tries every hour whether recordings can
// still be read. It does not decide how long one is kept, or who may look.
package archive
