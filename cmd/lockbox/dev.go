package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"lockbox/cmd/devtarget"
	"lockbox/gateway/identity"
	"lockbox/policy"
)

func devCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "dev", Short: "Run everything on this machine, with throw-away targets, to try it", Args: cobra.NoArgs,
		Long: "Run the gateway and throw-away targets, one for SSH and one web application, on loopback, with three people to enrol. State is kept in DIR.\nNothing of it is for real work: use `lockbox init` for that.",
	}
	dir := c.Flags().String("dir", ".lockbox-dev", "where state is kept")
	sshAddr := c.Flags().String("ssh", "127.0.0.1:2222", "loopback address of the SSH door")
	httpAddr := c.Flags().String("http", "127.0.0.1:8080", "loopback address of the portal")
	appsAddr := c.Flags().String("apps", "127.0.0.1:8081", "loopback address of the HTTP door")
	c.RunE = func(c *cobra.Command, _ []string) error {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return usage("--dir: %w", err)
		}
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGHUP) // its terminal is closed
		defer stop()
		return dev(ctx, devFolder{abs, *dir, *sshAddr, *httpAddr, *appsAddr}, c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}

// dev runs the gateway and its target until ctx ends.
func dev(ctx context.Context, f devFolder, out, errs io.Writer) (err error) {
	began := time.Now()
	log := slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	conf, err := f.prepare()
	if err != nil {
		return err
	}
	conf.Notify.printed = out
	s, err := Open(ctx, conf, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	target, err := f.target(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if wiki := s.Book.InForce().Targets[devWiki]; wiki != nil {
		web, err := devtarget.StartWeb(wiki.Address)
		if err != nil {
			return unavailable("start the throw-away web application: %w", err)
		}
		defer func() { _ = web.Close() }() // it keeps nothing
	}
	links, err := f.links(ctx, s)
	if err != nil {
		return err
	}
	if err := s.Listen(); err != nil {
		return err
	}
	s.Ready = func(s *Server) {
		f.greet(out, links, time.Since(began))
		f.tour(out, s.Book.InForce().Targets[devWiki] != nil)
		f.emergency(out, s.Book.InForce(), links)
		fmt.Fprintln(out)
	}
	return s.Run(ctx)
}

// target starts the throw-away target that the policy names.
func (f devFolder) target(s *Server) (*devtarget.Server, error) {
	t := s.Book.InForce().Targets[devTarget]
	if t == nil {
		return nil, usage("%s has no target %s any more; delete the folder to start anew", filepath.Join(f.shown, "policy"), devTarget)
	}
	host, err := readSigner(f.path("target_host_key"))
	if err != nil {
		return nil, err
	}
	var logins []string
	for _, l := range t.Logins {
		if !strings.Contains(l.Name, "{{customer}}") {
			logins = append(logins, l.Name)
			continue
		}
		for _, c := range t.Customers {
			logins = append(logins, strings.ReplaceAll(l.Name, "{{customer}}", c))
		}
	}
	srv, err := devtarget.Start(devtarget.Config{
		Addr: t.Address, Host: host, CA: s.Keys.TargetCA.PublicKey(), Logins: logins, Home: f.path("target_home"), Name: devTarget,
	})
	if err != nil {
		return nil, unavailable("start the throw-away target: %w", err)
	}
	return srv, nil
}

// A guest is somebody who can be enrolled to try Lockbox.
type guest struct {
	identity.Invite
	role, does string
	aside      bool // not one of those to begin with
}

func (f devFolder) guests() ([]guest, error) {
	key, err := os.ReadFile(f.path("engineer_key.pub"))
	if err != nil {
		return nil, err
	}
	return []guest{
		{identity.Invite{ID: "eva@example.eu", Name: "Eva", Kind: policy.Staff, SSHKey: string(key), Founds: true}, "engineer", "asks, and touches to start", false},
		{identity.Invite{ID: "max@example.eu", Name: "Max", Kind: policy.Executive, Founds: true}, "board member", "approves", false},
		{identity.Invite{ID: "nora@nord.example", Name: "Nora", Kind: policy.Reviewer, Customer: "nord", Founds: true}, "customer Nord", "approves", false},
		{identity.Invite{ID: "ida@example.eu", Name: "Ida", Kind: policy.Staff}, "on call", "says yes in an emergency", true},
	}, nil
}

// An invitation is a line of the greeting; no link for who has enrolled.
type invitation struct {
	name, role, does, link string
	aside                  bool
}

// links invites whoever has not enrolled yet.
func (f devFolder) links(ctx context.Context, s *Server) (all []invitation, err error) {
	guests, err := f.guests()
	if err != nil {
		return nil, err
	}
	people, err := s.People.People(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, p := range people {
		known[p.ID] = true
	}
	for _, g := range guests {
		line := invitation{name: g.Name, role: g.role, does: g.does, aside: g.aside}
		if !known[g.ID] {
			token, err := s.People.NewLink(ctx, "lockbox-dev", g.Invite)
			if err != nil {
				return nil, err
			}
			line.link = s.Config.URL + "/enroll/" + token
		}
		all = append(all, line)
	}
	return all, nil
}

// greet prints what to try.
func (f devFolder) greet(w io.Writer, links []invitation, took time.Duration) {
	url := f.url()
	fmt.Fprintf(w, "\nLockbox is ready after %.1f s. It listens on this machine only; nothing here is for real work.\n", took.Seconds())
	fmt.Fprintf(w, "State is kept in %s. Ctrl-C stops everything.\n\n1  Enrol three people, each with a passkey. One browser will do; it asks which passkey when you sign in.\n\n", f.shown)
	for _, l := range links {
		if l.aside {
			continue
		}
		link := l.link
		if link == "" {
			link = "enrolled"
		}
		fmt.Fprintf(w, "   %-5s %-14s %-27s %s\n", l.name, l.role, l.does, link)
	}
	fmt.Fprintf(w, "\n   Max and Nora found the executives and Nord's reviewers automatically, because this is `lockbox dev`;\n")
	fmt.Fprintf(w, "   for real, two people compare fingerprints first (`lockbox init`, `lockbox found`).\n")
	fmt.Fprintf(w, "\n2  In another terminal, be Eva and go to production:\n\n   ssh -F %s %s@lockbox\n", filepath.Join(f.shown, "ssh_config"), devTarget)
	fmt.Fprintf(w, "\n3  Be Max, then Nora: sign in at %s and approve. The terminal goes on by itself.\n", url)
	fmt.Fprintf(w, "   Be Eva, follow the link in the terminal, type its number, touch. You are in, and recorded.\n")
	fmt.Fprintf(w, "   Each of them is told by mail. Here no mail leaves: each is printed below, as \"mail to Max: …\", with its one link.\n")
}

// tour prints what else there is.
func (f devFolder) tour(w io.Writer, wiki bool) {
	if wiki {
		fmt.Fprintf(w, "\n4  Be Eva in the browser, and open an application: %s/\n", f.apps().at(devWiki))
		fmt.Fprintf(w, "   It asks, Max approves, you touch, and are on the page you asked for. Its requests are recorded.\n")
	} else {
		fmt.Fprintf(w, "\n4  %s is older than the web application of `lockbox dev`; in another folder (--dir) there is one.\n", f.shown)
	}
	fmt.Fprintf(w, "\n5  Look around:\n\n   ssh -F %s lockbox help\n", filepath.Join(f.shown, "ssh_config"))
	fmt.Fprintf(w, "   %s found --json --config %s > pins.json     (what a verifier pins)\n", os.Args[0], filepath.Join(f.shown, "lockbox.yaml"))
	fmt.Fprintf(w, "   %s verify evidence.json --pins pins.json     (evidence.json: from the request's page)\n", os.Args[0])
}

// emergency prints how to come in when nobody who decides can be asked.
func (f devFolder) emergency(w io.Writer, p *policy.Policy, links []invitation) {
	if !slices.ContainsFunc(p.Rules, func(r policy.Rule) bool { return r.Emergency() }) {
		fmt.Fprintf(w, "\n6  %s is older than emergencies; in another folder (--dir) there is a rule for them.\n", f.shown)
		return
	}
	conf := filepath.Join(f.shown, "lockbox.yaml")
	fmt.Fprintf(w, "\n6  Break the glass, as in a night in which Max and Nora cannot be asked. Ida, who is on call, is the second person.\n\n")
	for _, l := range links {
		if l.aside && l.link != "" {
			fmt.Fprintf(w, "   enrol %s: %s\n   and as Max compare her fingerprint, at %s/people\n\n", l.name, l.link, f.url())
		}
	}
	fmt.Fprintf(w, "   %s policy explain %s --emergency --as eva@example.eu --do shell --on %s\n", os.Args[0], filepath.Join(f.shown, "policy"), devTarget)
	fmt.Fprintf(w, "   %s glass make --count 1 --all --config %s     (a sealed code, shown once)\n", os.Args[0], conf)
	fmt.Fprintf(w, "   ssh -t -F %s lockbox glass %s --reason \"'all is down, nobody answers'\"\n\n", filepath.Join(f.shown, "ssh_config"), devTarget)
	fmt.Fprintf(w, "   Be Eva and type the code; be Ida and say yes; be Eva, connect as in 2, and touch. Then be Max and ratify it\n   at %s/incidents: he has 24 hours, or Eva and %s are locked.\n", f.url(), devTarget)
}

func readSigner(path string) (ssh.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("read a key: %w; delete the folder to start anew", err)
	}
	return ssh.ParsePrivateKey(data)
}
