package portal

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"lockbox/policy"
)

// pages are the templates, once for each language.
type pages struct {
	languages []*language
	named     map[string]map[string]*template.Template // language, page
}

func parsePages() pages {
	p := pages{languages: languages(), named: map[string]map[string]*template.Template{}}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err) // the pattern is right
	}
	for _, l := range p.languages {
		base := template.Must(template.New("").Funcs(l.funcs()).ParseFS(files, "templates/base.html", "templates/parts.html"))
		p.named[l.tag] = map[string]*template.Template{}
		for _, name := range names {
			if t := strings.TrimSuffix(path.Base(name), ".html"); t != "base" && t != "parts" {
				p.named[l.tag][t] = template.Must(template.Must(base.Clone()).ParseFS(files, name))
			}
		}
	}
	return p
}

// funcs is what templates call. t says a sentence, a says it inside an attribute.
func (l *language) funcs() template.FuncMap {
	return template.FuncMap{
		"t": l.html, "a": l.text, "moment": l.moment, "clock": l.clock, "left": l.left, "long": l.long,
		"reason": l.reason, "short": l.short, "plain": l.refusal, "act": l.action, "day": l.day, "hour": hour,
		"fields":  func(in filled, prefix string, zones []string) timeFields { return timeFields{prefix, zones, in} },
		"minutes": wholeMinutes, "join": l.join, "lang": func() string { return l.tag },
	}
}

// A frame is a page with what stands around it.
type frame struct {
	Title  string
	Who    string // name of who is signed in; "" for nobody
	Member bool   // … with a confirmed passkey
	Staff  bool
	Keeps  bool   // confirms keys
	Log    string // address of the log that they read; "" for who reads none
	Other  string
	Body   any
}

// show sends a page. title is a sentence of the table.
func (x *exchange) show(status int, name, title string, body any) error {
	return x.page(status, name, x.say.text(title), body)
}

// page sends a page under a title as it is.
func (x *exchange) page(status int, name, title string, body any) error {
	t := x.p.pages.named[x.say.tag][name]
	if t == nil {
		return fmt.Errorf("there is no page %q", name)
	}
	f := frame{Title: title, Other: x.otherLanguage(), Body: body}
	if x.who.ID != "" {
		f.Who, f.Member = x.who.Name, x.who.Confirmed
		f.Staff, f.Keeps = f.Member && x.who.Kind == policy.Staff, f.Member && x.keeps()
		f.Log = x.ownLog()
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "base", f); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	x.sent = true
	x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	x.w.Header().Set("Content-Language", x.say.tag)
	x.w.WriteHeader(status)
	_, _ = x.w.Write(b.Bytes()) // who does not read it has gone
	return nil
}

// otherLanguage is the address of this page in the other language. It names no
// path: the sign-in page is the same under every address.
func (x *exchange) otherLanguage() string {
	q := url.Values{}
	if x.who.ID != "" {
		q = x.r.URL.Query()
	}
	for _, l := range x.p.pages.languages {
		if l.tag != x.say.tag {
			q.Set("lang", l.tag)
		}
	}
	return "?" + q.Encode()
}

// ok is the status of a page that is as it should be.
const ok = http.StatusOK
