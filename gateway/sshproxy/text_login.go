package sshproxy

// loggingIn is what is said of login.
type loggingIn struct{ loginOver, loginEnded, loginElsewhere string }

func loggingInEnglish() loggingIn {
	return loggingIn{
		loginOver:      "your login is over; run `lockbox login` again",
		loginEnded:     "your login was ended; run `lockbox login` again",
		loginElsewhere: "your login counts from %s only, and you come from %s; run `lockbox login` where you are now",
	}
}

func loggingInDanish() loggingIn {
	return loggingIn{
		loginOver:      "dit login er udløbet; kør `lockbox login` igen",
		loginEnded:     "dit login blev afsluttet; kør `lockbox login` igen",
		loginElsewhere: "dit login gælder kun fra %s, og du kommer fra %s; kør `lockbox login`, hvor du er nu",
	}
}
