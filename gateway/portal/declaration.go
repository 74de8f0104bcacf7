package portal

import (
	"time"

	"lockbox/policy"
)

// A declarationPage is the promise of confidentiality that is asked for.
type declarationPage struct {
	Version string // "" where none is asked for
	Text    string
	Digest  string
	Signed  time.Time // by the reader; zero: not yet
	Code    string    // of the reader's motion
	Wrong   string
}

// declaration shows /me/declaration.
func (p *Portal) declaration(x *exchange) error {
	if _, err := p.charterOf(); err != nil {
		return err
	}
	d := p.Desk.Policy().Declaration
	if d == nil {
		return x.show(ok, "declaration", "Declaration of confidentiality", declarationPage{})
	}
	if err := p.readDeclared(x); err != nil {
		return err
	}
	page := declarationPage{Version: d.Version, Text: d.Text, Digest: d.Digest()}
	for _, proof := range x.declared {
		page.Signed = proof.At
	}
	return x.show(ok, "declaration", "Declaration of confidentiality", page)
}

// declare shows the sheet on which the reader promises it.
func (p *Portal) declare(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	if _, err := p.charterOf(); err != nil {
		return err
	}
	d := p.Desk.Policy().Declaration
	if d == nil || x.value("digest") != d.Digest() { // it changed while it was read
		return x.see("/me/declaration")
	}
	return p.propose(x, policy.Motion{Kind: policy.ToDeclare, About: d.Version, Text: d.Text})
}
