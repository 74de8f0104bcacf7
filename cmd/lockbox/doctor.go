package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lockbox/gateway/keys"
	"lockbox/policy/lang"
	"lockbox/recorder/archive"
	"lockbox/recorder/backup"
	"lockbox/recorder/ledger"
	"lockbox/recorder/witness"
)

// Levels of what a doctor finds.
const (
	fine = "ok"
	warn = "warn"
	bad  = "FAIL"
)

// A finding is one thing that was looked at.
type finding struct {
	Name  string `json:"name"`
	Level string `json:"level"`
	Text  string `json:"text"`
}

// sinceNotes are checkpoints that somebody holds, to be asked about.
type sinceNotes struct {
	Notes map[string]string `json:"notes,omitempty"` // by the name of who holds them
}

func doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "doctor", Short: "Look at everything that keeps this gateway safe, and say what is wrong", Args: cobra.NoArgs,
		Long: "Look at configuration, keys, ledger, disk, clock, backups, certificates and held checkpoints; one line each. It works with\n" +
			"and without a running gateway, and changes nothing. Exit code 1 when something is wrong.",
	}
	config := configFlag(c)
	since := c.Flags().StringArray("since", nil, "file with a checkpoint that somebody holds")
	c.RunE = func(c *cobra.Command, _ []string) error {
		conf, err := readConfig(*config)
		if err != nil {
			return err
		}
		notes := sinceNotes{map[string]string{}}
		for _, path := range *since {
			b, err := os.ReadFile(path)
			if err != nil {
				return usage("--since: %w", err)
			}
			notes.Notes[path] = string(b)
		}
		all := append([]finding{{"configuration", fine, *config + " is valid"}}, conf.lookOutside(time.Now())...)
		all = append(all, conf.lookAtLedger(c.Context(), notes)...)
		return reportFindings(c, all)
	}
	return c
}

func reportFindings(c *cobra.Command, all []finding) error {
	wrong := 0
	for _, f := range all {
		if f.Level == bad {
			wrong++
		}
		if !jsonWanted(c) {
			fmt.Fprintf(c.OutOrStdout(), "%-4s  %s: %s\n", f.Level, f.Name, f.Text)
		}
	}
	if jsonWanted(c) {
		if err := json.NewEncoder(c.OutOrStdout()).Encode(all); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return &exit{exitRefused, fmt.Errorf("%d of %d things are wrong", wrong, len(all))}
	}
	return nil
}

// judge makes a finding of what a look gave.
func judge(name, text string, err error) finding {
	if err != nil {
		return finding{name, bad, err.Error()}
	}
	return finding{name, fine, text}
}

// lookOutside looks at what needs no ledger.
func (c Config) lookOutside(now time.Time) (all []finding) {
	ring, err := keys.Load(c.Keys.Dir)
	all = append(all, judge("keys", c.Keys.Dir+" is whole, and nobody else's to read", err))
	switch {
	case err != nil:
	case ring.Vault == nil:
		all = append(all, finding{"vault", fine, "its key is kept elsewhere: recordings are verified here, and played where it is"})
	default:
		all = append(all, finding{"vault", fine, "its key is here: recordings play on this machine"})
	}
	if err == nil {
		all = append(all, c.lookAtHostCA(ring))
	}
	source, err := lang.Load(c.Policy.Dir)
	if err == nil {
		err = source.Valid()
	}
	all = append(all, judge("policy", c.Policy.Dir+" is valid", err))
	if c.Mode != modeProduction {
		all = append(all, finding{"mode", warn, "development: whoever writes the policy files decides alone"})
	}
	all = append(all, c.lookAtDisks()...)
	all = append(all, c.lookAtStore()...)
	all = append(all, c.lookAtBackups(now)...)
	all = append(all, c.lookAtNotify()...)
	if c.Apps.wanted() {
		all = append(all, c.Apps.TLS.look("certificate of applications", "a."+c.Apps.domain(), now))
	}
	return append(all, c.HTTP.TLS.look("certificate", c.host(), now))
}

// lookAtHostCA tells how to add what older keys folders do not have.
func (c Config) lookAtHostCA(ring *keys.Ring) finding {
	if ring.HostCA != nil {
		return finding{"host CA", fine, "`ssh -J` shows clients a certificate for each target"}
	}
	return finding{"host CA", warn, fmt.Sprintf("there is none, so that `ssh -J` shows clients the gateway's plain host key: ssh-keygen -q -t ed25519 -N '' -C host_ca -f %s, "+
		"then start the gateway again; in production two executives sign the change", filepath.Join(c.Keys.Dir, "host_ca"))}
}

// lookAtStore tries whether the object storage of recordings can be written, read and cleared.
func (c Config) lookAtStore() []finding {
	if c.Recordings.Store == "" {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	store, err := archive.OpenStore(ctx, c.Recordings.Store)
	if store != nil {
		err = errors.Join(err, store.Close())
	}
	return []finding{judge("recordings.store", "it can be written, read and cleared", err)}
}

func (c Config) lookAtDisks() (all []finding) {
	const least = 1 << 30
	for _, dir := range []string{filepath.Dir(c.Store.Bbolt), c.Recordings.Dir, c.Backup.Dir} {
		free, err := backup.Free(dir)
		switch {
		case dir == "" || errors.Is(err, os.ErrNotExist):
			continue // it is made when it is needed
		case err == nil && free < least:
			all = append(all, finding{"disk", warn, fmt.Sprintf("%s has %d MiB free: make room", dir, free>>20)})
		default:
			all = append(all, judge("disk", fmt.Sprintf("%s has %d GiB free", dir, free>>30), err))
		}
	}
	return all
}

// late is when a nightly backup is missed.
const late = 26 * time.Hour

func (c Config) lookAtBackups(now time.Time) (all []finding) {
	if c.Backup.Dir == "" {
		return []finding{{"backups", bad, "none are made: lockbox.yaml has no backup.dir"}}
	}
	if len(c.Backup.Recipients) == 0 {
		all = append(all, finding{"recipients", warn, "backup.recipients names nobody: the keys are not in the backups, and losing " + c.Keys.Dir + " loses them all"})
	} else {
		all = append(all, finding{"recipients", fine, fmt.Sprintf("%d can open the backups, keys included", len(c.Backup.Recipients))})
	}
	have, err := backup.Have(c.Backup.Dir)
	if err != nil {
		return append(all, judge("backups", "", err))
	}
	ahead := len(have)
	have = slices.DeleteFunc(have, func(n backup.Name) bool { return n.At.After(now) })
	if ahead -= len(have); ahead > 0 {
		all = append(all, finding{"backups", warn, fmt.Sprintf("%d are dated in the future: the clock was wrong, or is", ahead)})
	}
	if len(have) == 0 {
		return append(all, finding{"backups", bad, c.Backup.Dir + " holds none: run `lockbox backup`"})
	}
	last := slices.MaxFunc(have, func(a, b backup.Name) int { return a.At.Compare(b.At) })
	text := fmt.Sprintf("%d, the last of %s, verified by restoring when it was made", len(have), when(last.At))
	if now.Sub(last.At) > late {
		return append(all, finding{"backups", bad, text + ": none since; the event backup.failed says why"})
	}
	return append(all, finding{"backups", fine, text})
}

// soon is how long before its end a certificate is a warning.
const soon = 21 * 24 * time.Hour

// look judges a certificate that is to be good for a host.
func (c Certificate) look(name, host string, now time.Time) finding {
	if c.Cert == "" {
		return finding{name, fine, "none: it is on loopback"}
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return judge(name, "", err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	switch {
	case err != nil:
		return judge(name, "", err)
	case leaf.VerifyHostname(host) != nil:
		return finding{name, bad, fmt.Sprintf("%s is not for %s", c.Cert, host)}
	case now.Before(leaf.NotBefore) || !now.Before(leaf.NotAfter):
		return finding{name, bad, fmt.Sprintf("%s is valid from %s to %s", c.Cert, when(leaf.NotBefore), when(leaf.NotAfter))}
	case !strong(leaf):
		return finding{name, bad, fmt.Sprintf("%s has a weak key or signature (%s): RSA with 2048 bits or more, ECDSA or Ed25519, and SHA-2", c.Cert, leaf.SignatureAlgorithm)}
	case leaf.NotAfter.Sub(now) < soon:
		return finding{name, warn, fmt.Sprintf("%s ends %s: renew it", c.Cert, when(leaf.NotAfter))}
	}
	return finding{name, fine, fmt.Sprintf("%s holds until %s", c.Cert, when(leaf.NotAfter))}
}

func strong(leaf *x509.Certificate) bool {
	switch leaf.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1, x509.UnknownSignatureAlgorithm:
		return false
	}
	switch k := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize >= 256
	case ed25519.PublicKey:
		return true
	}
	return false
}

// lookAtLedger asks the running gateway, or looks itself where none runs.
func (c Config) lookAtLedger(ctx context.Context, v sinceNotes) []finding {
	var all []finding
	err := askWithin(ctx, longAsk, c.Control, "/doctor", v, &all)
	if e := new(exit); !errors.As(err, &e) || e.code != exitUnavailable {
		if err != nil {
			all = append(all, judge("gateway", "", err))
		}
		return append([]finding{{"gateway", fine, "it runs, and looked at the ledger itself"}}, all...)
	}
	stopped := finding{"gateway", warn, "none runs"}
	o, err := c.open(ctx)
	if err != nil {
		return []finding{stopped, judge("ledger", "", err)}
	}
	all = append([]finding{stopped}, c.lookInside(ctx, o.Ledger, backup.Reader{Origin: c.Log, Verifier: o.ring.LogVerifier}, v)...)
	if err := o.Close(); err != nil {
		all = append(all, judge("ledger", "", err))
	}
	return all
}

// lookInside looks at a ledger that is open.
func (c Config) lookInside(ctx context.Context, l *ledger.Ledger, r backup.Reader, v sinceNotes) (all []finding) {
	all = append(all,
		judge("ledger", fmt.Sprintf("%d events: every leaf, proof and row holds", l.Last()+1), l.Check(ctx)),
		judge("clock", "not behind the ledger, nor ahead of itself", l.View(ctx, func(*ledger.Tx) error { return nil })),
	)
	all = append(all, c.lookAtWitnesses(ctx, l, r)...)
	if mark, err := backup.ReadMark(c.Store.Bbolt); err != nil || mark != nil {
		all = append(all, judge("restored", "the ledger was restored; the next start ends everything that was open", err))
	}
	held, err := c.held(r)
	if err != nil {
		all = append(all, judge("held", "", err))
	}
	for by, text := range v.Notes {
		p, err := r.Open([]byte(text))
		if err != nil {
			all = append(all, finding{"held", bad, by + ": " + err.Error()})
			continue
		}
		held = append(held, backup.Held{By: by, Checkpoint: p})
	}
	rewound, err := backup.Compare(ctx, l, r, held)
	switch {
	case err != nil:
		return append(all, judge("held", "", err))
	case rewound != nil:
		return append(all, finding{"held", bad, rewound.Error()})
	case len(held) == 0:
		return append(all, finding{"held", warn, "nobody's checkpoint is known here: nothing would tell that an older ledger was put back"})
	}
	return append(all, finding{"held", fine, fmt.Sprintf("the log leads to each of %d checkpoints that are held", len(held))})
}

// lookAtWitnesses asks each witness that can be asked for its signature on the log as it is.
func (c Config) lookAtWitnesses(ctx context.Context, l *ledger.Ledger, r backup.Reader) (all []finding) {
	peers, err := c.peers("")
	if err != nil {
		return []finding{judge("witnesses", "", err)}
	}
	if len(peers) == 0 {
		return []finding{{"witnesses", warn, "there are none: nobody elsewhere would know that an older ledger was put back"}}
	}
	ctx, stop := context.WithTimeout(ctx, heard)
	defer stop()
	asker := &witness.Asker{
		Origin: c.Log, Key: r.Verifier, Log: l.Main(), Peers: peers, Keep: l.Cosign, Tell: func(witness.Outage) {}, Report: func(error) {}, Now: time.Now,
	}
	for i, h := range asker.Latest(ctx) {
		name := "witness " + h.Witness
		if peers[i].URL == "" {
			all = append(all, finding{name, fine, "it looks by itself, and is not asked"})
			continue
		}
		all = append(all, judge(name, fmt.Sprintf("it cosigned the log with %d events", h.Size), h.Err))
	}
	return all
}
