// Package crash kills ledgers, recorders and gateways, cuts their power and
// breaks their disks, and holds what is left against what was acknowledged or
// shown. It has no code but tests; make crash runs them in full.
package crash
