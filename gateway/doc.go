// Package gateway is what every door does alike: it lets a person enter, if
// policy and a proven approval say so, and keeps their visit recorded, watched
// and no longer than it may be. The doors are its sub-packages.
package gateway
