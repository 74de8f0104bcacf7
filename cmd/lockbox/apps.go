package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Apps is the HTTP door. Each target of kind http has a host name of its own below that of URL.
type Apps struct {
	Listen string `yaml:"listen"` // "0.0.0.0:443"
	// URL is where applications are found, without their names: target grafana is at https://grafana.gw.example.eu where it
	// is "https://gw.example.eu". Its host is neither the portal's nor below it: nothing that an application sends may
	// reach the portal's passkeys and cookies.
	URL string `yaml:"url"`
	// TLS is for every name below the host of URL: a certificate for "*.gw.example.eu". Without it the door listens on
	// loopback only.
	TLS Certificate `yaml:"tls"`
}

// A Certificate and its private key, PEM files.
type Certificate struct {
	Cert string `yaml:"cert"` // the chain
	Key  string `yaml:"key"`
}

// wanted says whether there is an HTTP door at all.
func (a Apps) wanted() bool { return a.Listen != "" || a.URL != "" || a.TLS != Certificate{} }

// check says what cannot be, beside a portal with that host.
func (a Apps) check(portal string) error {
	if !a.wanted() {
		return nil
	}
	u, err := origin("apps.url", a.URL, "https://gw.example.eu")
	switch {
	case a.Listen == "":
		return errors.New("apps.listen is missing")
	case err != nil:
		return err
	case net.ParseIP(u.Hostname()) != nil:
		return fmt.Errorf("apps.url: applications need names, not the address %s", u.Hostname())
	case u.Scheme == "http" && u.Hostname() != localhost:
		return fmt.Errorf("apps.url: %q is not https; plain http is for *.localhost only", a.URL)
	case (a.TLS.Cert == "") != (a.TLS.Key == ""):
		return errors.New("apps.tls: cert and key belong together")
	case a.TLS.Cert == "" && !loopback(a.Listen):
		return fmt.Errorf("apps.listen: without tls the HTTP door listens on loopback only, not on %s", a.Listen)
	case u.Hostname() == localhost && portal == localhost: // browsers keep names below localhost apart from it
		return nil
	case within(u.Hostname(), portal):
		return fmt.Errorf("apps.url: %s is the portal's name or below it, so that applications could use its passkeys; write another, such as https://gw.example.eu", u.Hostname())
	case within(portal, u.Hostname()):
		return fmt.Errorf("apps.url: the portal's name %s is below %s, so that applications could set its cookies; write another, such as https://gw.example.eu", portal, u.Hostname())
	}
	return nil
}

const localhost = "localhost"

// within says whether a host name is another, or below it.
func within(name, of string) bool {
	name, of = strings.ToLower(name), strings.ToLower(of)
	return name == of || strings.HasSuffix(name, "."+of)
}

// origin reads a URL that is scheme, host and port alone.
func origin(field, text, example string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%s: %q is not an origin; write %s", field, text, example)
	}
	return u, nil
}

// domain is what applications' names stand before.
func (a Apps) domain() string {
	u, err := url.Parse(a.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// where is at, or nil where there is no HTTP door.
func (a Apps) where() func(target string) string {
	if !a.wanted() {
		return nil
	}
	return a.at
}

// at is where a target of kind http is found.
func (a Apps) at(target string) string {
	scheme, host, _ := strings.Cut(a.URL, "://")
	return scheme + "://" + target + "." + host
}
