package keys

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

func TestWhereTheVaultIs(t *testing.T) {
	made, good := newRing(t)
	other, err := age.GenerateHybridIdentity()
	ok(t, err)
	to := made.VaultTo.String() + "\n"
	for _, c := range []struct {
		name  string
		pub   string // "": there is none
		mode  os.FileMode
		vault bool
		want  string // of the error; "" loads
	}{
		{"both", to, 0o600, true, ""},
		{"an old folder, without vault.pub", "", 0, true, ""},
		{"kept elsewhere", to, 0o600, false, ""},
		{"as somebody wrote it", to, 0o644, false, ""},
		{"neither", "", 0, false, "vault is missing"},
		{"of another vault", other.Recipient().String(), 0o600, true, "not the recipient of vault"},
		{"others may change it", to, 0o664, false, "chmod 644"},
		{"the private key in it", "AGE-SECRET-KEY-PQ-1QQQQ", 0o600, false, "not an age post-quantum recipient"},
		{"a classic recipient", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", 0o600, false, "not an age post-quantum recipient"},
		{"two recipients", to + other.Recipient().String(), 0o600, false, "not an age post-quantum recipient"},
		{"cut off", to[:100], 0o600, true, "not an age post-quantum recipient"},
		{"nothing", "", 0o600, false, "is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := copyRing(t, good)
			if !c.vault {
				ok(t, os.Remove(filepath.Join(dir, vaultFile)))
			}
			if c.mode != 0 {
				ok(t, os.WriteFile(filepath.Join(dir, vaultPubFile), []byte(c.pub), 0o600))
				ok(t, os.Chmod(filepath.Join(dir, vaultPubFile), c.mode))
			}
			r, err := Load(dir)
			if c.want != "" {
				if r != nil || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "AGE-SECRET") {
					t.Errorf("got %v, want it to say %q", err, c.want)
				}
				return
			}
			ok(t, err)
			if (r.Vault != nil) != c.vault || r.VaultTo.String() != made.VaultTo.String() {
				t.Errorf("the vault is here: %v, want %v; sealed to %.20s…", r.Vault != nil, c.vault, r.VaultTo)
			}
		})
	}
}
