// Package engine holds any ledger.Engine against every sentence of that
// contract, and holds the ledger's own laws on top of it. It has an engine of
// its own, in memory, so that the suite asks for nothing that only a file has.
package engine
