// Package devtarget is the throw-away SSH target of `lockbox dev`: real shells on loopback behind the target CA. It decides
// nothing, records nothing, and is no place for real work.
package devtarget
