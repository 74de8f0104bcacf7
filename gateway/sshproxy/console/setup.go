package console

import (
	"net"
	"net/url"
	"strconv"

	"lockbox/gateway/sshproxy/sshconfig"
	"lockbox/policy"
)

// setup gives the person what their client needs; --gateway says how it reaches us.
func (c *console) setup(a args) (int, error) {
	if len(a.rest) > 0 {
		return 0, usage("%s", c.say.seeHelp)
	}
	s := c.Keys
	s.Port, s.Targets = c.by.Port, c.setupTargets()
	if u, err := url.Parse(c.Portal); err == nil {
		s.Host = u.Hostname()
	}
	if to := a.flag["--gateway"]; to != "" {
		s.Host, s.Port = to, 22
		if host, port, err := net.SplitHostPort(to); err == nil {
			s.Host = host
			s.Port, _ = strconv.Atoi(port) // 0 is not Valid
		}
	}
	if err := s.Valid(); err != nil {
		return 0, usage("%s: --gateway HOST:PORT", err)
	}
	if c.json {
		return Done, c.object(s)
	}
	text, err := s.Config(c.by.Locale, sshconfig.Names{Gateway: "lockbox"})
	if err != nil {
		return 0, err
	}
	c.out.WriteString(text)
	return Done, nil
}

// setupTargets are those that the person may ask to go to over SSH.
func (c *console) setupTargets() []sshconfig.Target {
	all := []sshconfig.Target{}
	c.visible(func(t *policy.Target, at Place) {
		if t.Kind == "ssh" {
			var login string // where there is none that is not made for a customer, and no customer
			if names := at.Accounts(); len(names) > 0 {
				login = names[0]
			}
			all = append(all, sshconfig.Target{Name: t.Name, Login: login})
		}
	})
	return all
}
