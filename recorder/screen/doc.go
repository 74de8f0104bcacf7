// Package screen follows what a terminal shows, from what was written to it. It
// knows text, colours, cursor and margins, and nothing that acts on a viewer.
package screen
