package sshconfig

// comments are what stands in ssh_config for people.
type comments struct{ head, known, gateway, targets string }

func english() comments {
	return comments{
		head:    "For ~/.ssh/config, made by `ssh %s ssh-config`; make it anew when there are new targets.",
		known:   "For ~/.ssh/known_hosts, without the number signs, once you have compared the keys with somebody who runs the gateway:",
		gateway: "ssh TARGET@%[1]s, ssh LOGIN%%TARGET@%[1]s, and ssh %[1]s help",
		targets: "ssh TARGET, or ssh LOGIN@TARGET: through %s, and so do scp, sftp, rsync, git and Ansible",
	}
}

func danish() comments {
	return comments{
		head:    "Til ~/.ssh/config, lavet af `ssh %s ssh-config`; lav den igen, når der er nye mål.",
		known:   "Til ~/.ssh/known_hosts, uden nummertegnene, når du har sammenlignet nøglerne med en, der driver gatewayen:",
		gateway: "ssh MÅL@%[1]s, ssh LOGIN%%MÅL@%[1]s og ssh %[1]s help",
		targets: "ssh MÅL eller ssh LOGIN@MÅL: gennem %s, og det gør scp, sftp, rsync, git og Ansible også",
	}
}
