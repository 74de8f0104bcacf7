package harness

import (
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// SecondDevice gives the person a security key besides what they have, and they touch that one from now on. Its passkeys
// cannot be copied.
func (p *Person) SecondDevice() {
	p.t.Helper()
	added, err := chromedp.Call(p.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
			Transport: webauthn.AuthenticatorTransportUsb, HasResidentKey: true, HasUserVerification: true,
			IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
	if err != nil {
		p.t.Fatalf("%s: second device: %v", p.Name, err)
	}
	p.second = added.AuthenticatorID
	p.Touches(true)
}

// Touches says which of two devices the person touches from now on.
func (p *Person) Touches(second bool) {
	p.t.Helper()
	for id, on := range map[webauthn.AuthenticatorID]bool{p.passkey: !second || p.passkey == p.second, p.second: second} {
		params := webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: id, Enabled: on}
		if _, err := chromedp.Call(p.ctx, webauthn.SetAutomaticPresenceSimulation, params); err != nil {
			p.t.Fatalf("%s: touch: %v", p.Name, err)
		}
	}
}

// LosesFirst takes the first device away, with the passkeys on it.
func (p *Person) LosesFirst() {
	p.t.Helper()
	params := webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: p.passkey}
	if _, err := chromedp.Call(p.ctx, webauthn.RemoveVirtualAuthenticator, params); err != nil {
		p.t.Fatalf("%s: lose a device: %v", p.Name, err)
	}
	p.passkey = p.second
	p.Touches(true)
}
