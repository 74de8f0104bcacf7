// Package keys holds what the gateway signs and decrypts with: the host key, the
// people CA, the target CA, the host CA, the log key, the vault identity and the
// key of recordings under way. It reads them from files, writes them once, and
// signs the minutes-long certificate used towards a target, and the one of hours
// by which clients know a target behind us. The keys by which web applications
// know who is there are its too, and turn by themselves. It decides nothing: who
// gets a certificate, or a token, is settled before it is asked.
package keys
