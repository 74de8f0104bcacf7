package httpproxy

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"

	"lockbox/policy"
)

// A refusal is an answer of the door's own.
type refusal struct {
	status  int
	code    policy.Code
	why     string // a sentence of words.go
	args    []string
	at      string // where to go on; "": the application's first page
	request string
	again   bool // the same may work later
}

// refuse answers with a page in words where a person looks, else as programs read it.
func (c *call) refuse(f refusal) {
	if c.line.Code = string(f.code); c.line.Outcome == "" {
		c.line.Outcome = "refused"
	}
	h := c.w.Header()
	for name := range h { // nothing of what a target began to say
		if name != "Allow" && name != "Retry-After" && name != "Set-Cookie" {
			delete(h, name)
		}
	}
	h.Set(requestID, c.id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if c.door.site.secure {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
	if navigates(c.r) {
		c.page(f)
		return
	}
	h.Set("Content-Type", "application/json")
	c.w.WriteHeader(f.status)
	name, request := "", (*string)(nil)
	if c.target != nil {
		name = c.target.Name
	}
	if f.request != "" {
		request = &f.request
	}
	_ = json.NewEncoder(c.w).Encode(struct { // who asked is gone
		Lockbox   int     `json:"lockbox"`
		Code      string  `json:"code"`
		Target    string  `json:"target"`
		Request   *string `json:"request"`
		Retryable bool    `json:"retryable"`
		URL       string  `json:"url"`
		Why       string  `json:"why"`
		Reference string  `json:"reference"`
	}{1, string(f.code), name, request, f.again, f.at, policy.Says(f.why, f.args...).String(), c.id})
}

func (c *call) page(f refusal) {
	da := danish(c.r)
	say := func(form string, args ...string) string { return inTheir(da, form, args) }
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	c.w.WriteHeader(f.status)
	v := map[string]any{
		"Lang": map[bool]string{true: "da", false: "en"}[da], "Title": say("This page could not be opened"), "Why": sentence(say(f.why, f.args...)),
		"Reference": say("Reference %s", c.id), "Code": string(f.code), "Go": f.at, "GoOn": say("Open the application again"), "Target": "", "Portal": c.door.Portal, "ToPortal": say("To Lockbox"),
	}
	if c.target != nil {
		if v["Target"] = c.target.Name; f.at == "" {
			v["Go"] = c.door.site.origin(c.target.Name) + "/"
		}
	}
	if !f.again {
		v["GoOn"] = say("To the first page of the application")
	}
	_ = refused().Execute(c.w, v) // who asked is gone
}

// sentence begins with a capital and ends in a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// danish says whether a browser would rather have Danish than English.
func danish(r *http.Request) bool {
	for tag := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		switch tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), ";"); {
		case tag == "da" || strings.HasPrefix(tag, "da-"):
			return true
		case tag == "en" || strings.HasPrefix(tag, "en-"):
			return false
		}
	}
	return false
}

func refused() *template.Template {
	return template.Must(template.New("refused").Parse(`<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}} · Lockbox</title><link rel="stylesheet" href="/.lockbox/page.css"></head>
<body><main><p class="small"><b>Lockbox</b>{{with .Target}} · {{.}}{{end}}</p><h1>{{.Title}}</h1><p>{{.Why}}</p>
<p>{{with .Go}}<a class="button" href="{{.}}">{{$.GoOn}}</a> {{end}}<a href="{{.Portal}}/">{{.ToPortal}}</a></p>
<p class="small">{{.Code}} · {{.Reference}}</p></main></body></html>
`))
}

const styles = `:root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--dim:#57606a;--link:#0b57d0;--line:#d0d7de}
@media(prefers-color-scheme:dark){:root{--back:#14171a;--text:#e6e8ea;--dim:#9aa4ae;--link:#8ab4f8;--line:#3a4148}}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:36rem;margin:0 auto;padding:2rem 1rem}
h1{font-size:1.5rem;line-height:1.25}
a{color:var(--link)}
.button{display:inline-block;min-height:48px;line-height:48px;padding:0 1rem;margin-right:1rem;border:1px solid var(--line);border-radius:6px;text-decoration:none}
.small{color:var(--dim);font-size:.875rem;overflow-wrap:anywhere}
`
