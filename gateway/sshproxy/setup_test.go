package sshproxy

import (
	"encoding/json"
	"strings"
	"testing"

	"lockbox/gateway/sshproxy/sshconfig"

	"golang.org/x/crypto/ssh/knownhosts"
)

func TestTheGatewayTellsWhatClientsNeed(t *testing.T) {
	h, _ := stubHouse(t, echo)
	p := *h.Policy()
	hidden := *p.Targets["db1.prod"]
	hidden.Name, hidden.Labels = "db9.secret", nil
	p.Targets["db9.secret"] = &hidden
	h.SetPolicy(&p)
	c := h.dial(t, "me", h.Eng)
	var s sshconfig.Setup
	got := run(t, c, "ssh-config --json")
	if err := json.Unmarshal([]byte(got.Stdout), &s); err != nil || got.Status != 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if len(s.Targets) != 1 || s.Targets[0] != (sshconfig.Target{Name: "db1.prod", Login: "support_nord"}) || s.Host != "localhost" || knownhosts.Normalize(h.Addr) == "" {
		t.Errorf("got %+v", s)
	}
	text := run(t, c, "ssh-config --gateway gw.example.eu:2200", "LANG=da_DK.UTF-8").Stdout
	for _, want := range []string{"# Til ~/.ssh/config", "  HostName gw.example.eu\n  Port 2200\n", "Host db1.prod\n  ProxyJump lockbox\n", "@cert-authority db1.prod " + s.HostCA, "[gw.example.eu]:2200 " + s.HostKey} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Errorf("it names what is hidden:\n%s", text)
	}
	for _, bad := range []string{"ssh-config x", "ssh-config --gateway -oProxyCommand=x", "ssh-config --gateway a:0", "ssh-config --gateway"} {
		if got := run(t, c, bad); got.Status != 2 {
			t.Errorf("%s: got %+v", bad, got)
		}
	}
}
