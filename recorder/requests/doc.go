// Package requests is operations' log of web requests: who, what, when and what
// came of it, bounded and searchable. It is no evidence: recordings are.
package requests
