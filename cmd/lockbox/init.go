package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"lockbox/gateway/keys"
)

func initCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "init DIR", Short: "Write configuration, policy and keys for real use", Args: cobra.ExactArgs(1),
		Long: "Write a commented lockbox.yaml, a policy to start from and new keys into DIR, which must be empty or missing.",
	}
	log := c.Flags().String("log", "lockbox.example", "name of the ledger, for ever; a host name of yours is best")
	c.RunE = func(c *cobra.Command, args []string) error {
		dir := args[0]
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return usage("%s is not empty; give a new folder", dir)
		}
		for _, d := range []string{"policy", "recordings"} {
			if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
				return usage("make the folder: %w", err)
			}
		}
		ring, err := keys.Create(filepath.Join(dir, "keys"), *log)
		if err != nil {
			return err
		}
		err = errors.Join(
			os.WriteFile(filepath.Join(dir, "target_ca.pub"), ssh.MarshalAuthorizedKey(ring.TargetCA.PublicKey()), 0o644),
			os.WriteFile(filepath.Join(dir, "lockbox.yaml"), fmt.Appendf(nil, realConfig, *log), 0o600),
			os.WriteFile(filepath.Join(dir, "policy", "policy.yaml"), []byte(realPolicy), 0o600),
		)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), realNext, dir)
		return nil
	}
	return c
}

const realConfig = `# lockbox.yaml: the gateway. Paths are relative to this file. Check with "lockbox serve --check".

log: %s                     # name of the ledger; it stands in every signature, so it never changes
mode: development                      # production: a change of policy or keys counts only once two executives have signed it
url: http://localhost:8080             # where people find the portal; https://… once tls is set below
ssh: { listen: "127.0.0.1:2222" }                  # per_person: 20, connections of one person; exempt: [10.0.0.9/32], a balancer
http:
  listen: "127.0.0.1:8080"
# tls: { cert: tls/chain.pem, key: tls/key.pem }   # TLS 1.3; without it, loopback only
# apps:                                # the HTTP door: target grafana (kind http) is at https://grafana.gw.example.eu
#   listen: "0.0.0.0:8443"
#   url: https://gw.example.eu         # neither the portal's name nor below it
#   tls: { cert: tls/apps.pem, key: tls/apps.key }   # for *.gw.example.eu
# requests: { keep: 7d, size: 256MiB } # the sealed log of requests to applications
ops: { listen: "127.0.0.1:9090" }      # /healthz, /readyz
store: { bbolt: ledger.db }
recordings:
  dir: recordings
# store: "s3://bucket?region=eu-north-1"   # or azblob://container: sealed segments go there while sessions run
# local: 30d                           # how long copies stay here once the store has them; without it, for ever
keys: { dir: keys }                    # mode 0700: who reads it can open recordings and sign certificates
policy: { dir: policy }
control: control.sock                  # for the commands on this machine
# witnesses:                           # who cosigns the log; "lockbox witness --init" prints the key. Rules say how many they need
#   - { name: nord, key: "…", url: "https://witness.nord.example" }   # without url it looks here by itself
backup:                                # 7 nights and 3 months, each verified by restoring; put dir on another disk
  dir: backups
  at: "02:30"                          # UTC
  recipients: []                       # age public keys (age1pq1…) of people who keep the identity offline; until there
                                       # is one, the keys folder is not in the backup, and losing it loses every backup
held: held                             # checkpoints that others gave back to you: the ledger must lead to each
`

const realPolicy = `# Who may ask for what, and whose yes it takes. Everything here is an example: change it,
# then "lockbox policy check" and "lockbox policy test" say what is wrong, and
# "lockbox policy schema --markdown" explains every field.
version: 1
groups:
  engineers:       { members: [eng@example.eu] }
  executive-board: { members: [ceo@example.eu, cto@example.eu] }
  operators:       { members: [ops@example.eu] }     # who run the gateway; they decide on nothing
# executives: { founded_by: [ "SHA256:…", "SHA256:…" ] }        # from "lockbox found", compared by two people
# activation: { executives: 2 }                                 # who must sign a change of these files, in production
# declaration: { version: "1", text: "I keep to myself what I see." }   # signed once by whoever wants to ask
customers:
  nord: { name: Nord Legal }                         # then: founded_by: [ "SHA256:…" ]
targets:
  db1.prod:
    kind: ssh
    address: 10.0.0.5:22
    host_key: SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA      # ssh-keyscan 10.0.0.5 | ssh-keygen -lf -
    logins:
      deploy: { reaches: all }                       # every customer of the target is concerned
      "support_{{customer}}": { reaches: one }       # only the one named
    class: production
    owner: ops@example.eu
    location: EU-West
    customers: [nord]
    labels: { env: prod }
rules:
  - name: production shell
    permit: [shell, exec]
    who: { groups: [engineers] }
    on: { labels: { env: prod } }
    reasons: [customer-case, outage]
    stages:
      - { executive: { group: executive-board, count: 1, expires: 12h } }
      - { customer: { count: 1, expires: 96h } }
    limits: { default: 1h, max: 4h, activate_within: 60m }
    touch: { within: 15m }
    record: { redact: [tokens, keys, cpr, cards], keep: 400d }   # seal: [vault, auditor, customer] once they have keys
# For emergencies in which nobody who decides can be asked: "lockbox glass make" prints the sealed codes.
#  - name: break-glass
#    permit: [shell, exec]
#    who: { groups: [engineers] }
#    on: { labels: { env: prod } }
#    reasons: [outage]
#    stages: [ { break-glass: { group: oncall, count: 1, expires: 15m } } ]   # a second person of the staff; executives have 24h to ratify it
#    limits: { default: 30m, max: 1h }
#    record: { redact: [tokens, keys, cpr, cards], keep: 400d }
tests:
  - { as: eng@example.eu, do: shell, on: db1.prod, expect: ask, stages: [executive, customer] }
`

const realNext = `Written to %[1]s. Next:

1  Edit %[1]s/lockbox.yaml and start:      lockbox serve --config %[1]s/lockbox.yaml
2  Invite the first executives:            lockbox invite --config %[1]s/lockbox.yaml --kind executive --name NAME ceo@example.eu
   and customers' reviewers:               … --kind customer --customer nord …
3  They enrol. Then print fingerprints:    lockbox found --config %[1]s/lockbox.yaml
   Two people compare each with its owner, over another channel, and write them into founded_by in policy/.
4  Write "mode: production" and start again. What is pinned then cannot be changed by an operator, and
   two executives sign the policy on the page "Policy" before it is in force. After that, edit the files,
   "lockbox policy reload", and they sign the change.
5  Invite engineers the same way (--kind staff --ssh-key FILE). An executive compares each
   one's fingerprint on the page "People" and confirms it; that executive does not decide on
   the requests of whom they confirmed.
6  Let targets trust the target CA only:   TrustedUserCAKeys with %[1]s/target_ca.pub
7  Give engineers what their ssh needs:    lockbox ssh-config --config %[1]s/lockbox.yaml
   or they ask for it themselves:          ssh GATEWAY ssh-config, or lockbox ssh-config GATEWAY
`
