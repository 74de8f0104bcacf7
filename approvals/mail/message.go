package mail

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"lockbox/approvals/notify"
)

// message lays a story out. Its parts say the same words.
func (m *Mail) message(n notify.Notice, s notify.Story, to string) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithCharset(gomail.CharsetUTF8))
	if err := msg.FromFormat("Lockbox", m.o.From); err != nil {
		return nil, err
	}
	if !notify.Addressable(to) {
		return nil, fmt.Errorf("%q is no plain mail address", to)
	}
	if err := msg.To(to); err != nil {
		return nil, err
	}
	msg.Subject(header(s.Title))
	msg.SetDate()
	msg.SetMessageIDWithValue(m.id("mail", n.ID))
	msg.SetGenHeader("List-Id", "Lockbox <lockbox."+m.domain+">") // answering machines stay silent (RFC 3834, section 2; RFC 5230, section 4.6)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	if about := cmp.Or(s.Code, n.About); about != "" {
		root := "<" + m.id("thread", n.To, about) + ">"
		msg.SetGenHeader(gomail.HeaderReferences, root)
		msg.SetGenHeader(gomail.HeaderInReplyTo, root)
	}
	msg.SetGenHeader("Content-Language", s.Lang)
	parts := m.parts(s)
	msg.SetBodyString(gomail.TypeTextPlain, asText(parts))
	msg.AddAlternativeString(gomail.TypeTextHTML, asHTML(s.Lang, parts))
	return msg, nil
}

// id is a Message-ID that is the same each time, and that only we can make: what
// is not from us stands in no thread of ours.
func (m *Mail) id(parts ...string) string {
	_, key := m.secret()
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		fmt.Fprintf(mac, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(mac.Sum(nil)[:16]) + "@" + m.domain
}

// oneLine keeps a text from ending a line or a header, and from turning what stands around it.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.Is(unicode.Cf, r): // marks of direction, and all that nobody sees
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

const longest = 250 // runes of a subject

// header is a text for a header: not too long, and nothing in it is taken for the
// encoding of something else (RFC 2047).
func header(s string) string {
	r := []rune(strings.ReplaceAll(oneLine(s), "=?", "= ?"))
	return string(r[:min(len(r), longest)])
}

// A portion is a paragraph, a table of facts, the link, or what is set as it is.
type portion struct {
	text  string
	facts []notify.Fact
	link  string
	small string // several lines, as they are
}

func (m *Mail) parts(s notify.Story) (all []portion) {
	say := func(en string) string { return m.o.Words.Text(s.Lang, en) }
	add := func(text string) {
		if text != "" {
			all = append(all, portion{text: oneLine(text)})
		}
	}
	add(s.Lead)
	if len(s.Facts) > 0 {
		all = append(all, portion{facts: s.Facts})
	}
	add(s.Outcome)
	add(s.Question)
	for _, e := range s.Entries[max(0, len(s.Entries)-5):] {
		if s.Question == "" || !strings.HasSuffix(e, s.Question) {
			add(e)
		}
	}
	if s.Page != "" {
		if s.Open {
			add(say("Review, approve or decline (sign in with your passkey):"))
		} else {
			add(say("See it (sign in with your passkey):"))
		}
		all = append(all, portion{link: s.Page})
	}
	add(s.Next)
	add(say("We never ask you to approve by phone, by replying, or by opening an attachment. Opening this mail or its link changes nothing."))
	if s.Code != "" {
		add(m.o.Words.Text(s.Lang, "The page must show the code {code}.", "code", s.Code))
	}
	if s.Tree != "" {
		add(say("Checkpoint of the log. Keep this mail: with it anybody can find out whether the log was rewritten since (lockbox verify reads it)."))
		all = append(all, portion{small: strings.TrimRight(s.Tree, "\n")})
	}
	return all
}

func asText(parts []portion) string {
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.facts != nil:
			wide := 0
			for _, f := range p.facts {
				wide = max(wide, len([]rune(f.Label)))
			}
			for _, f := range p.facts {
				fmt.Fprintf(&b, "  %s%s  %s\n", f.Label, strings.Repeat(" ", wide-len([]rune(f.Label))), oneLine(f.Text))
			}
			b.WriteString("\n")
		case p.link != "":
			b.WriteString(p.link + "\n\n")
		case p.small != "":
			b.WriteString(p.small + "\n\n") // byte by byte as it was signed
		default:
			b.WriteString(p.text + "\n")
			if !strings.HasSuffix(p.text, ":") {
				b.WriteString("\n")
			}
		}
	}
	return b.String()
}

// asHTML is the twin: no images, no styles from elsewhere, one link.
func asHTML(lang string, parts []portion) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><title>Lockbox</title></head>\n<body>\n", html.EscapeString(lang))
	for _, p := range parts {
		switch {
		case p.facts != nil:
			b.WriteString("<table>\n")
			for _, f := range p.facts {
				fmt.Fprintf(&b, "<tr><th align=\"left\" valign=\"top\">%s</th><td dir=\"auto\">%s</td></tr>\n", html.EscapeString(f.Label), html.EscapeString(oneLine(f.Text)))
			}
			b.WriteString("</table>\n")
		case p.link != "":
			u := html.EscapeString(p.link)
			fmt.Fprintf(&b, "<p><a href=\"%s\">%s</a></p>\n", u, u)
		case p.small != "":
			fmt.Fprintf(&b, "<pre>%s</pre>\n", html.EscapeString(p.small))
		default:
			fmt.Fprintf(&b, "<p dir=\"auto\">%s</p>\n", html.EscapeString(p.text))
		}
	}
	b.WriteString("</body></html>\n")
	return b.String()
}
