package lang

import (
	"net"
	"net/netip"
	"strings"
	"time"

	"lockbox/policy"
)

// aWeb is how an application is spoken to.
func aWeb() value[policy.Web] {
	type t = policy.Web
	return tableOf(shape[t]{of: "http", some: []string{"scheme", "host", "authorization", "secrets", "answer", "silent", "streams"}, fields: []field[t]{
		has("scheme", choice("a scheme", "https", "http"), "What the application speaks; without it, https. http is in the clear on the way from the gateway.",
			func(t *t, v string) { t.Plain = v == "http" }),
		has("host", word(aHostName()), "What it is told as Host, host or host:port; without it, what the browser says.",
			func(t *t, v string) { t.Host = v }),
		has("authorization", choice("what is done with a header", "pass", "drop"), "Whether the header Authorization of the browser is passed on; without it, it is dropped.",
			func(t *t, v string) { t.Authorization = v == "pass" }),
		has("secrets", listOf("secrets", word(aField())), "Names of headers, parameters and fields of forms whose values are never written down.",
			func(t *t, v []string) { t.Secrets = v }),
		has("answer", span("answer", time.Hour), "How long it may take to begin an answer; without it, 1m.",
			func(t *t, v time.Duration) { t.Answer = v }),
		has("silent", span("silent", day), "How long a request, an answer or a WebSocket may move nothing before it is cut; without it, 10m.",
			func(t *t, v time.Duration) { t.Silent = v }),
		has("streams", several("streams", "requests at once", 1, 9999), "How many requests it answers at once, of everybody; without it, 2000.",
			func(t *t, v int) { t.Streams = v }),
	}})
}

// aTLS is how an application proves that it is the one.
func aTLS() value[policy.Web] {
	type t = policy.Web
	return tableOf(shape[t]{of: "tls", some: []string{"ca", "name", "client"}, fields: []field[t]{
		has("ca", word(aFingerprint("the fingerprint of a certificate")),
			"Fingerprint of the certificate that vouches for the application's, or is it: SHA256: and the base64 of the SHA-256 of its DER. One that the application does not show lies beside the keys, as http/TARGET.ca. Without it, those that the gateway's machine trusts.",
			func(t *t, v string) { t.CA = v }),
		has("name", word(aHost()), "The name in its certificate; without it, the host of the address.",
			func(t *t, v string) { t.Name = v }),
		has("client", flag("client"), "It asks for a certificate of the gateway's: http/TARGET.crt and http/TARGET.key beside the keys.",
			func(t *t, v bool) { t.Client = v }),
	}})
}

func aHost() grammar {
	return grammar{"a host name", `^[a-z0-9.:-]+$`, maxText, func(s string) string {
		if !isHost(s) && !isAddressOf(s) {
			return "write a host name in small letters, or an IP address"
		}
		return ""
	}}
}

func aHostName() grammar {
	return grammar{"a host", `^[a-z0-9.:\[\]-]+$`, maxText, func(s string) string {
		if !isHost(s) && anAddress().wrong(s) != "" {
			return "write a host name in small letters, alone or with a port"
		}
		return ""
	}}
}

func isAddressOf(s string) bool { return anAddress().wrong(joined(s)) == "" }

func joined(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]:443"
	}
	return host + ":443"
}

// aField is the name of a header, a parameter or a field of a form.
func aField() grammar {
	const letters = small + "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-"
	return grammar{"the name of a header or field", `^[A-Za-z0-9._-]+$`, 64, func(s string) string {
		if len(s) > 64 || !only(s, letters) {
			return "use letters, digits, and . _ -"
		}
		return ""
	}}
}

// isLabel says whether a name can be the first of a host name: "grafana".
func isLabel(s string) bool {
	return isHost(s) && !strings.Contains(s, ".") && !strings.HasPrefix(s, "xn--")
}

// speaks refuses what does not go with the kind of the target, or with what it speaks.
func (r *reader) speaks(key, n *node, t *policy.Target) {
	web, tls := n.child("http"), n.child("tls")
	switch {
	case t.Kind == "ssh" && web != nil:
		r.refuse(web, "remove it", "a target of kind ssh has no http")
	case t.Kind == "ssh" && tls != nil:
		r.refuse(tls, "remove it", "a target of kind ssh has no tls")
	case t.Kind == "ssh" && !strings.Contains(t.Name, "."):
		r.refuse(key, "put a dot in it, as in "+t.Name+".prod", "%q is not the name of a target of kind ssh", t.Name)
	case t.Kind == "http" && t.Web.Plain && tls != nil:
		r.refuse(tls, "remove it, or write scheme: https", "the application speaks http, so there is no tls")
	case t.Kind == "http" && !isLabel(t.Name):
		r.refuse(key, "write one word of letters, digits and -, as in grafana: it is at https://grafana.…", "%q is not the name of a target of kind http", t.Name)
	}
}

// printWeb leaves out what is not said.
func printWeb(out draft, w *policy.Web) {
	o := newDraft()
	if w.Plain {
		o.text("scheme", "http")
	}
	o.text("host", w.Host)
	if w.Authorization {
		o.text("authorization", "pass")
	}
	o.list("secrets", w.Secrets).span("answer", w.Answer).span("silent", w.Silent)
	if w.Streams > 0 {
		o.number("streams", w.Streams)
	}
	if len(o.n.keys) > 0 {
		out.put("http", o.node())
	}
	o = newDraft().text("ca", w.CA).text("name", w.Name)
	if w.Client {
		o.put("client", &node{form: truth, text: "true"})
	}
	if len(o.n.keys) > 0 {
		out.put("tls", o.node())
	}
}

// onMachine says whether an address is on the gateway's own machine.
func onMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip, none := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || none == nil && ip.IsLoopback())
}
