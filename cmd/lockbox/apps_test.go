package main

import (
	"strings"
	"testing"
)

func TestApplicationsAreOutsideThePortalsName(t *testing.T) {
	for _, c := range []struct {
		name   string
		apps   Apps
		portal string
		want   string // part of the error; "" for none
	}{
		{"none", Apps{}, "lock.example.eu", ""},
		{"a sibling", Apps{Listen: "127.0.0.1:1", URL: "https://gw.example.eu"}, "lock.example.eu", ""},
		{"a domain of its own", Apps{Listen: "127.0.0.1:1", URL: "https://apps.example.net:8443"}, "lock.example.eu", ""},
		{"localhost", Apps{Listen: "127.0.0.1:1", URL: "http://localhost:8081"}, "localhost", ""},
		{"the portal's name", Apps{Listen: "127.0.0.1:1", URL: "https://lock.example.eu:8443"}, "lock.example.eu", "is the portal's name or below it"},
		{"the portal's name in capitals", Apps{Listen: "127.0.0.1:1", URL: "https://LOCK.example.eu"}, "lock.example.eu", "is the portal's name or below it"},
		{"below the portal", Apps{Listen: "127.0.0.1:1", URL: "https://gw.lock.example.eu"}, "lock.example.eu", "is the portal's name or below it"},
		{"above the portal", Apps{Listen: "127.0.0.1:1", URL: "https://example.eu"}, "lock.example.eu", "could set its cookies"},
		{"an address", Apps{Listen: "127.0.0.1:1", URL: "https://10.0.0.1"}, "lock.example.eu", "need names"},
		{"plain", Apps{Listen: "127.0.0.1:1", URL: "http://gw.example.eu"}, "lock.example.eu", "is not https"},
		{"a path", Apps{Listen: "127.0.0.1:1", URL: "https://gw.example.eu/x"}, "lock.example.eu", "is not an origin"},
		{"no listener", Apps{URL: "https://gw.example.eu"}, "lock.example.eu", "apps.listen is missing"},
		{"no url", Apps{Listen: "127.0.0.1:1"}, "lock.example.eu", "is not an origin"},
		{"in the clear to everybody", Apps{Listen: "0.0.0.0:1", URL: "https://gw.example.eu"}, "lock.example.eu", "on loopback only"},
		{"half a certificate", Apps{Listen: "0.0.0.0:1", URL: "https://gw.example.eu", TLS: Certificate{Cert: "x"}}, "lock.example.eu", "belong together"},
		{"a certificate", Apps{Listen: "0.0.0.0:1", URL: "https://gw.example.eu", TLS: Certificate{"x", "y"}}, "lock.example.eu", ""},
	} {
		err := c.apps.check(c.portal)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestSizesOfTheRequestLog(t *testing.T) {
	for text, want := range map[string]int64{"1MiB": 1 << 20, "256MiB": 256 << 20, "2GiB": 2 << 30, "0MiB": 0, "1KiB": 0, "": 0, "12345MiB": 0, "1 MiB": 0} {
		got, err := mebibytes(text)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
}
