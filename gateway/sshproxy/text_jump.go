package sshproxy

// jumping is what is said of ssh -J.
type jumping struct {
	jumpNowhere, jumpPort, jumpOther, jumpWeb, jumpMany, loginsThere string
}

func jumpingEnglish() jumping {
	return jumping{
		jumpNowhere: "%s (ssh GATEWAY targets); -J and -W take their names, not addresses",
		jumpPort:    "port %d of %s is not its SSH: leave the port out; a forward begins on the target: ssh -L PORT:HOST:PORT TARGET@GATEWAY",
		jumpWeb:     "%s is reached in a browser, not by SSH: see its page",
		jumpMany:    "%d connections to targets go through this one, as many as may at a time: close one, or connect to the gateway again",
		jumpOther:   "this key is another person's than the one that you came to the gateway with",
		loginsThere: "logins of %s that you may ask for: %s",
	}
}

func jumpingDanish() jumping {
	return jumping{
		jumpNowhere: "%s (ssh GATEWAY targets); -J og -W tager deres navne, ikke adresser",
		jumpPort:    "port %d på %s er ikke dens SSH: udelad porten; en viderestilling begynder på målet: ssh -L PORT:VÆRT:PORT MÅL@GATEWAY",
		jumpWeb:     "%s nås i en browser, ikke med SSH: se dens side",
		jumpMany:    "%d forbindelser til mål går gennem denne, og flere må der ikke være ad gangen: luk en, eller forbind til gatewayen igen",
		jumpOther:   "denne nøgle tilhører en anden person end den, du kom til gatewayen med",
		loginsThere: "logins på %s, som du må bede om: %s",
	}
}
