package identity

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"lockbox/policy/statement"
)

// maxLine bounds an authorized_keys line, in bytes.
const maxLine = 16 << 10

// sshTypes are the keys that people may use. No DSA, and no certificate: it is not a key.
func sshTypes() []string {
	return []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA,
	}
}

// ParseSSHKey reads one authorized_keys line without options (sshd(8)). Errors are *Refusal.
func ParseSSHKey(line string) (ssh.PublicKey, error) {
	if len(line) > maxLine { // before all else: it may be spaces
		return nil, refuse("the line is longer than %d bytes: paste one public key, as in ~/.ssh/id_ed25519.pub", maxLine)
	}
	line = strings.TrimSpace(line)
	if line == "" || strings.ContainsAny(line, "\r\n\x00") {
		return nil, refuse("paste one line, as in ~/.ssh/id_ed25519.pub")
	}
	if strings.Contains(line, "PRIVATE KEY") {
		return nil, refuse("this is a private key: make a new one, and paste the line of its .pub file")
	}
	k, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, &Refusal{"this is not a public key: paste one line, as in ~/.ssh/id_ed25519.pub", err}
	}
	if len(options) > 0 {
		return nil, refuse("options in front of the key have no meaning here: paste the line without them")
	}
	if err := goodSSHKey(k); err != nil {
		return nil, err
	}
	return k, nil
}

// goodSSHKey refuses weak and odd keys. It is cheap: it comes before any signature is verified.
func goodSSHKey(k ssh.PublicKey) error {
	if k == nil || !slices.Contains(sshTypes(), k.Type()) {
		return refuse("this type of key is not taken: use ssh-ed25519, ecdsa, sk- or RSA")
	}
	c, ok := k.(ssh.CryptoPublicKey)
	if !ok {
		return refuse("this type of key is not taken: use ssh-ed25519, ecdsa, sk- or RSA")
	}
	if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
		if n := r.N.BitLen(); n < 3072 || n > 4096 {
			return refuse("an RSA key must have 3072 to 4096 bits, this one has %d: ssh-keygen -t ed25519 makes a good one", n)
		}
	}
	return nil
}

// pkixFingerprint is the same for an SSH key and a passkey with the same public key.
func pkixFingerprint(k ssh.PublicKey) (string, error) {
	c, ok := k.(ssh.CryptoPublicKey)
	if !ok {
		return "", errors.New("no public key")
	}
	der, err := x509.MarshalPKIXPublicKey(c.CryptoPublicKey())
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]), nil
}

// comment is what follows the key in its line, if it can be shown.
func comment(line string) string {
	_, text, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil || len(text) > 100 || statement.Clean(text) != nil {
		return ""
	}
	return text
}
