package sshproxy

// forwarding is what is said of forwards, of the agent and of the display.
type forwarding struct {
	noAddress, targetSays, tunnelCustomer, tunnelUnwatched, tunnelPending, tunnelAsk, tunnelTouch string
}

func forwardingEnglish() forwarding {
	return forwarding{
		noAddress:       "%q is not an address as rules write it: a host name, 10.0.0.5 or fd00::5, and a port",
		targetSays:      "%s: %s",
		tunnelCustomer:  "that login reaches one customer: name it in the login, or ask for the tunnel first (%s)",
		tunnelUnwatched: "nobody watched in time who has to: %s",
		tunnelPending:   "request %s for a tunnel to %s waits for its approval: %s",
		tunnelAsk:       "no grant for a tunnel to %s; ask: ssh GATEWAY request %s --do forward --to %s --reason \"...\", or at %s",
		tunnelTouch:     "touch your passkey at %s, type the number %s there, then connect again",
	}
}

func forwardingDanish() forwarding {
	return forwarding{
		noAddress:       "%q er ikke en adresse, som regler skriver den: et værtsnavn, 10.0.0.5 eller fd00::5, og en port",
		targetSays:      "%s: %s",
		tunnelCustomer:  "det login når én kunde: nævn den i loginnet, eller bed først om tunnelen (%s)",
		tunnelUnwatched: "ingen af dem, der skal, så med i tide: %s",
		tunnelPending:   "anmodning %s om en tunnel til %s venter på sin godkendelse: %s",
		tunnelAsk:       "ingen tilladelse til en tunnel til %s; bed om den: ssh GATEWAY request %s --do forward --to %s --reason \"...\", eller på %s",
		tunnelTouch:     "rør din adgangsnøgle på %s, skriv tallet %s dér, og forbind så igen",
	}
}
