// Package devtarget is what stands behind the doors of `lockbox dev`: real shells on loopback behind the target CA, and a small
// web application. It decides nothing, records nothing, and is no place for real work.
package devtarget
