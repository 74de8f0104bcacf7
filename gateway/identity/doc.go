// Package identity answers who somebody is: it keeps the people, their passkeys,
// their SSH keys and their signed-in sessions in the ledger, and turns a touch on
// a passkey into a proof. What a person may do is for package policy to say.
package identity
