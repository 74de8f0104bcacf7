package keys

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"
)

// A Ring is every key of one gateway. Nothing in it prints.
type Ring struct {
	Host     ssh.Signer // what clients know the gateway by
	PeopleCA ssh.Signer // trusted by the gateway only
	TargetCA ssh.Signer // trusted by targets only
	HostCA   ssh.Signer // by which clients know a target that they reach through us; nil in rings older than `ssh -J`

	Log         note.Signer // signs checkpoints and manifests; its name is the origin of the log
	LogVerifier note.Verifier
	LogKey      string // LogVerifier as text, for people to pin

	Vault   *Vault               // opens recordings; nil where it is kept elsewhere
	VaultTo *age.HybridRecipient // whom recordings are sealed to
	AtRest  Secret               // of the journals of recordings under way
}

// Names of the files in the directory of a Ring.
const (
	hostFile     = "host"
	peopleCAFile = "people_ca"
	targetCAFile = "target_ca"
	hostCAFile   = "host_ca"
	logFile      = "log"
	vaultFile    = "vault"
	vaultPubFile = "vault.pub" // alone: the vault is kept elsewhere; not there: it is the vault's
	atRestFile   = "at_rest"
)

// Load reads the ring in dir. It makes nothing: a key that is missing, that others
// may read, that is cut off or that does two jobs is an error that says what to do.
func Load(dir string) (*Ring, error) {
	b, err := openBox(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.root.Close() }() // read only
	r, err := b.ring()
	if err != nil {
		return nil, err
	}
	if err := r.distinct(); err != nil {
		return nil, fmt.Errorf("keys in %s: %w", dir, err)
	}
	return r, nil
}

// A step reads one file.
type step struct {
	file  string
	parse func(text []byte) error
}

// ring reads and parses every file of the box.
func (b box) ring() (*Ring, error) {
	r := &Ring{}
	steps := []step{
		{hostFile, into(&r.Host, parseSSH)},
		{peopleCAFile, into(&r.PeopleCA, parseSSH)},
		{targetCAFile, into(&r.TargetCA, parseSSH)},
		{logFile, r.parseLog},
		{atRestFile, into(&r.AtRest, parseSecret)},
	}
	if b.has(hostCAFile) {
		steps = append(steps, step{hostCAFile, into(&r.HostCA, parseSSH)})
	}
	public := b.has(vaultPubFile)
	if !public || b.has(vaultFile) {
		steps = append(steps, step{vaultFile, r.parseVault})
	}
	if public {
		steps = append(steps, step{vaultPubFile, r.parseVaultTo})
	}
	for _, step := range steps {
		text, err := b.read(step.file)
		if err != nil {
			return nil, err
		}
		if err := step.parse(text); err != nil {
			return nil, fmt.Errorf("%s: %w: restore it from a backup, or move the directory away and run `lockbox init` for new keys", b.path(step.file), err)
		}
	}
	return r, nil
}

// into makes a step of ring out of a parser and the place for what it finds.
func into[T any](to *T, parse func([]byte) (T, error)) func([]byte) error {
	return func(text []byte) (err error) {
		*to, err = parse(text)
		return err
	}
}

// distinct refuses one key in two roles: a people certificate must never open a target.
func (r *Ring) distinct() error {
	type named struct {
		name string
		key  []byte
	}
	keys := []named{
		{hostFile, rawKey(r.Host)}, {peopleCAFile, rawKey(r.PeopleCA)}, {targetCAFile, rawKey(r.TargetCA)},
		{logFile, logKey(r.LogKey)},
	}
	if r.HostCA != nil {
		keys = append(keys, named{hostCAFile, rawKey(r.HostCA)})
	}
	for i, a := range keys {
		for _, b := range keys[:i] {
			if len(a.key) == 0 || subtle.ConstantTimeCompare(a.key, b.key) == 1 {
				return fmt.Errorf("%s and %s are the same key: each needs its own: move one away and restore the right one from a backup", b.name, a.name)
			}
		}
	}
	return nil
}

// State is the key of 32 bytes under which the ledger seals what it knows of its own
// state. It is derived from AtRest (HKDF-SHA256, RFC 5869), so that there is no file more to lose.
func (r *Ring) State() ([]byte, error) {
	b, err := hkdf.Key(sha256.New, r.AtRest[:], nil, "lockbox/ledger-state/v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the ledger's key: %w", err)
	}
	return b, nil
}

// Requests is the key under which the log of requests is sealed, derived as State is.
func (r *Ring) Requests() (key [32]byte, err error) {
	b, err := hkdf.Key(sha256.New, r.AtRest[:], nil, "lockbox/requests/v1", len(key))
	if err != nil {
		return key, fmt.Errorf("derive the key of the request log: %w", err)
	}
	return [32]byte(b), nil
}

// Mails is the key that the ids of mails are made with, derived as State is.
func (r *Ring) Mails() ([]byte, error) {
	b, err := hkdf.Key(sha256.New, r.AtRest[:], nil, "lockbox/mails/v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of the ids of mails: %w", err)
	}
	return b, nil
}

// A Vault is the age identity that opens recordings. It prints as "secret".
type Vault struct{ id *age.HybridIdentity }

// Unwrap is that of age.Identity.
func (v *Vault) Unwrap(s []*age.Stanza) ([]byte, error) { return v.id.Unwrap(s) }

// Recipient is whom recordings are sealed to.
func (v *Vault) Recipient() *age.HybridRecipient { return v.id.Recipient() }

// Format prints "secret" for every verb.
func (v *Vault) Format(f fmt.State, _ rune) { hide(f) }

// A Secret is a key of 32 bytes. It prints as "secret".
type Secret [32]byte

// Format prints "secret" for every verb.
func (Secret) Format(f fmt.State, _ rune) { hide(f) }

// MarshalText keeps it out of JSON as well.
func (Secret) MarshalText() ([]byte, error) { return []byte("secret"), nil }

// A signer is an ssh.Signer that prints as "secret".
type signer struct{ ssh.AlgorithmSigner }

// Format prints "secret" for every verb.
func (signer) Format(f fmt.State, _ rune) { hide(f) }

// Format prints "secret" for every verb.
func (r *Ring) Format(f fmt.State, _ rune) { hide(f) }

func hide(f fmt.State) { _, _ = f.Write([]byte("secret")) } // fmt has nowhere to report to
