// Package api is the JSON API: the same rules as the pages, for programs. A token
// is short-lived, may do little, and can never vote.
package api
