package slack

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

// A page reads blocks as Slack does: what is too long, unknown or twice is refused.
type page struct {
	s       *Slack
	most    int
	modal   bool
	ids     map[string]bool
	shown   []string
	buttons []Button
	links   []string
	fields  []string
	options map[string][]string
}

type block struct {
	Type     string            `json:"type"`
	ID       string            `json:"block_id"`
	Text     json.RawMessage   `json:"text"`
	Fields   []json.RawMessage `json:"fields"`
	Elements []json.RawMessage `json:"elements"`
	Label    json.RawMessage   `json:"label"`
	Hint     json.RawMessage   `json:"hint"`
	Element  json.RawMessage   `json:"element"`
	Optional bool              `json:"optional"`
	Dispatch bool              `json:"dispatch_action"`
}

func (p *page) fail(why string, raw []byte) bool {
	p.s.t.Errorf("slack: %s: %.300s", why, raw)
	return false
}

func (p *page) blocks(raw []byte) bool {
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil || len(all) == 0 || len(all) > p.most {
		return p.fail("not 1 to 50 blocks", raw)
	}
	for _, raw := range all {
		var b block
		if !p.s.strict(raw, &b) || !p.once(b.ID) || !p.block(b, raw) {
			return p.fail("a block that is refused", raw)
		}
	}
	return true
}

func (p *page) once(id string) bool {
	if id == "" {
		return true
	}
	ok := !p.ids[id] && len(id) <= 255
	p.ids[id] = true
	return ok
}

func (p *page) block(b block, raw []byte) bool {
	each := func(all []json.RawMessage, most int, fn func(json.RawMessage) bool) bool {
		return len(all) > 0 && len(all) <= most && !slices.ContainsFunc(all, func(e json.RawMessage) bool { return !fn(e) })
	}
	switch b.Type {
	case "header":
		return p.plain(b.Text, 150)
	case "section":
		return (b.Text != nil || b.Fields != nil) && (b.Text == nil || p.text(b.Text, 3000)) &&
			(b.Fields == nil || each(b.Fields, 10, func(e json.RawMessage) bool { return p.text(e, 2000) }))
	case "context":
		return each(b.Elements, 10, func(e json.RawMessage) bool { return p.text(e, 3000) })
	case "actions":
		return each(b.Elements, 25, func(e json.RawMessage) bool { return p.button(b.ID, e) })
	case "input":
		return p.modal && b.ID != "" && p.plain(b.Label, 2000) && (b.Hint == nil || p.plain(b.Hint, 2000)) && p.input(b.ID, b.Element)
	}
	return p.fail("no such block here", raw)
}

type textObject struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    *bool  `json:"emoji"`
	Verbatim *bool  `json:"verbatim"`
}

func (p *page) plain(raw []byte, most int) bool {
	var t textObject
	return p.s.strict(raw, &t) && t.Type == "plain_text" && p.object(t, most)
}

func (p *page) text(raw []byte, most int) bool {
	var t textObject
	return p.s.strict(raw, &t) && p.object(t, most)
}

func (p *page) object(t textObject, most int) bool {
	n := len(utf16.Encode([]rune(t.Text)))
	if n == 0 || n > most || t.Type != "plain_text" && t.Type != "mrkdwn" || t.Type == "plain_text" && t.Verbatim != nil || t.Type == "mrkdwn" && t.Emoji != nil {
		return p.fail("a text that is too long or not one", []byte(t.Text))
	}
	p.shown = append(p.shown, p.read(t.Text, t.Type == "mrkdwn"))
	return true
}

var (
	control = regexp.MustCompile(`<[!@#][^>]*>`)
	link    = regexp.MustCompile(`<(https?://[^>|]*)(?:\|([^>]*))?>`)
)

// read is how somebody reads a text: calls of people and rooms count, links are
// links in markup, and three entities are decoded.
func (p *page) read(text string, markup bool) string {
	if all := control.FindAllString(text, -1); len(all) > 0 {
		p.s.mentions = append(p.s.mentions, all...)
	}
	if markup {
		text = link.ReplaceAllStringFunc(text, func(l string) string {
			m := link.FindStringSubmatch(l)
			p.links = append(p.links, m[1])
			return m[2]
		})
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

type buttonObject struct {
	Type    string          `json:"type"`
	ID      string          `json:"action_id"`
	Text    json.RawMessage `json:"text"`
	URL     string          `json:"url"`
	Value   string          `json:"value"`
	Style   string          `json:"style"`
	Confirm json.RawMessage `json:"confirm"`
}

func (p *page) button(in string, raw []byte) bool {
	var b buttonObject
	if !p.s.strict(raw, &b) || b.Type != "button" || b.ID == "" || !p.once(in+"/"+b.ID) || len(b.ID) > 255 || len(b.Value) > 2000 || len(b.URL) > 3000 ||
		!slices.Contains([]string{"", "primary", "danger"}, b.Style) || !p.plain(b.Text, 75) {
		return p.fail("a button that is refused", raw)
	}
	label := p.shown[len(p.shown)-1]
	if b.Confirm != nil {
		var c struct{ Title, Text, Confirm, Deny json.RawMessage }
		if !p.s.strict(b.Confirm, &c) || !p.plain(c.Title, 100) || !p.text(c.Text, 300) || !p.plain(c.Confirm, 30) || !p.plain(c.Deny, 30) {
			return p.fail("a confirmation that is refused", raw)
		}
	}
	p.buttons = append(p.buttons, Button{ID: b.ID, Block: in, Value: b.Value, URL: b.URL, Label: label, Confirm: b.Confirm != nil})
	return true
}

type option struct {
	Text  json.RawMessage `json:"text"`
	Value string          `json:"value"`
}

func (p *page) input(id string, raw []byte) bool {
	var e struct {
		Type      string   `json:"type"`
		ID        string   `json:"action_id"`
		Multiline bool     `json:"multiline"`
		MaxLength int      `json:"max_length"`
		Options   []option `json:"options"`
		Initial   *option  `json:"initial_option"`
	}
	if !p.s.strict(raw, &e) || e.ID != id {
		return p.fail("an input that is refused", raw)
	}
	p.fields = append(p.fields, id)
	switch e.Type {
	case "plain_text_input":
		return e.MaxLength > 0 && e.MaxLength <= 3000 && e.Options == nil
	case "static_select":
		initial := e.Initial == nil
		for _, o := range e.Options {
			if !p.plain(o.Text, 75) || o.Value == "" || len(o.Value) > 150 {
				return p.fail("a choice that is refused", raw)
			}
			p.options[id] = append(p.options[id], o.Value)
			initial = initial || e.Initial.Value == o.Value
		}
		return initial && len(e.Options) > 0 && len(e.Options) <= 100
	}
	return p.fail("no such input", raw)
}
