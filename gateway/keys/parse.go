package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"
)

// Errors of the parsers never quote what they were given.

func parseSSH(text []byte) (ssh.Signer, error) {
	s, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, errors.New("not an unencrypted OpenSSH private key, or cut off")
	}
	a, ok := s.(ssh.AlgorithmSigner)
	if !ok || s.PublicKey().Type() != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("a key of type %s: only %s is used", s.PublicKey().Type(), ssh.KeyAlgoED25519)
	}
	return signer{a}, nil
}

func (r *Ring) parseVault(text []byte) error {
	id, err := age.ParseHybridIdentity(string(bytes.TrimSpace(text)))
	if err != nil {
		return errors.New("not an age post-quantum identity (AGE-SECRET-KEY-PQ-1…), or cut off")
	}
	r.Vault, r.VaultTo = &Vault{id}, id.Recipient()
	return nil
}

// parseVaultTo takes whom recordings are sealed to. It comes after the vault, where that is here.
func (r *Ring) parseVaultTo(text []byte) error {
	to, err := age.ParseHybridRecipient(string(bytes.TrimSpace(text)))
	switch {
	case err != nil:
		return errors.New("not an age post-quantum recipient (age1pq1…), or cut off")
	case r.Vault != nil && to.String() != r.VaultTo.String():
		return fmt.Errorf("not the recipient of %s beside it: recordings would be sealed to another key", vaultFile)
	}
	r.VaultTo = to
	return nil
}

func parseSecret(text []byte) (s Secret, err error) {
	b, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(b) != len(s) || bytes.Equal(b, s[:]) {
		return Secret{}, errors.New("not 64 hexadecimal digits, or all zero")
	}
	return Secret(b), nil
}

// parseLog takes a sumdb/note signer key, "PRIVATE+KEY+name+hash+base64", and finds
// the verifier key that belongs to it.
func (r *Ring) parseLog(text []byte) error {
	bad := errors.New("not the signer key of a log (PRIVATE+KEY+…), or cut off")
	skey := string(bytes.TrimSpace(text))
	s, err := note.NewSigner(skey)
	if err != nil {
		return bad
	}
	parts := strings.SplitN(skey, "+", 5) // base64 may hold a '+'
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize { // the first byte names the algorithm
		return bad
	}
	vkey, err := note.NewEd25519VerifierKey(s.Name(), ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey))
	if err != nil {
		return bad
	}
	v, err := note.NewVerifier(vkey)
	if err != nil || v.KeyHash() != s.KeyHash() {
		return bad
	}
	r.Log, r.LogVerifier, r.LogKey = s, v, vkey
	return nil
}

// rawKey is the ed25519 public key behind s; nil if there is none.
func rawKey(s ssh.Signer) []byte {
	if k, ok := s.PublicKey().(ssh.CryptoPublicKey); ok {
		if pub, ok := k.CryptoPublicKey().(ed25519.PublicKey); ok {
			return pub
		}
	}
	return nil
}

// logKey is the ed25519 public key in a verifier key, "name+hash+base64"; nil if there is none.
func logKey(vkey string) []byte {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil
	}
	k, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(k) != 1+ed25519.PublicKeySize {
		return nil
	}
	return k[1:]
}
