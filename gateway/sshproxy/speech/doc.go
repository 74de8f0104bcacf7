// Package speech says in a person's words what requests, votes, grants and times
// are, in English and Danish, and makes any text one that a terminal can show.
// It asks nobody, and writes to nobody.
package speech
