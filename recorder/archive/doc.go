// Package archive keeps recordings in object storage too: it takes closed
// segments there while the session goes on, brings them back to be played,
// destroys keys in every copy, and tries every hour whether recordings can
// still be read. It does not decide how long one is kept, or who may look.
//
// What the store gives back is believed only as far as the recorder's
// signature and hashes go. Beside the recordings, in .archive, stand lists of
// what was seen stored whole and of whose key is destroyed, one a month.
package archive
