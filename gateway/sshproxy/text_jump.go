package sshproxy

// jumping is what is said of ssh -J.
type jumping struct {
	jumpNowhere, jumpPort, jumpOther, jumpWeb, jumpMany, loginsThere string
	setupHead, setupKnown, setupGateway, setupTargets                string
}

func jumpingEnglish() jumping {
	return jumping{
		jumpNowhere:  "%s (ssh GATEWAY targets); -J and -W take their names, not addresses",
		jumpPort:     "port %d of %s is not its SSH: leave the port out; a forward begins on the target: ssh -L PORT:HOST:PORT TARGET@GATEWAY",
		jumpWeb:      "%s is reached in a browser, not by SSH: see its page",
		jumpMany:     "%d connections to targets go through this one, as many as may at a time: close one, or connect to the gateway again",
		jumpOther:    "this key is another person's than the one that you came to the gateway with",
		loginsThere:  "logins of %s that you may ask for: %s",
		setupHead:    "For ~/.ssh/config, made by `ssh %s ssh-config`; make it anew when there are new targets.",
		setupKnown:   "For ~/.ssh/known_hosts, without the number signs, once you have compared the keys with somebody who runs the gateway:",
		setupGateway: "ssh TARGET@%[1]s, ssh LOGIN%%TARGET@%[1]s, and ssh %[1]s help",
		setupTargets: "ssh TARGET, or ssh LOGIN@TARGET: through %s, and so do scp, sftp, rsync, git and Ansible",
	}
}

func jumpingDanish() jumping {
	return jumping{
		jumpNowhere:  "%s (ssh GATEWAY targets); -J og -W tager deres navne, ikke adresser",
		jumpPort:     "port %d på %s er ikke dens SSH: udelad porten; en viderestilling begynder på målet: ssh -L PORT:VÆRT:PORT MÅL@GATEWAY",
		jumpWeb:      "%s nås i en browser, ikke med SSH: se dens side",
		jumpMany:     "%d forbindelser til mål går gennem denne, og flere må der ikke være ad gangen: luk en, eller forbind til gatewayen igen",
		jumpOther:    "denne nøgle tilhører en anden person end den, du kom til gatewayen med",
		loginsThere:  "logins på %s, som du må bede om: %s",
		setupHead:    "Til ~/.ssh/config, lavet af `ssh %s ssh-config`; lav den igen, når der er nye mål.",
		setupKnown:   "Til ~/.ssh/known_hosts, uden nummertegnene, når du har sammenlignet nøglerne med en, der driver gatewayen:",
		setupGateway: "ssh MÅL@%[1]s, ssh LOGIN%%MÅL@%[1]s og ssh %[1]s help",
		setupTargets: "ssh MÅL eller ssh LOGIN@MÅL: gennem %s, og det gør scp, sftp, rsync, git og Ansible også",
	}
}
