package sshproxy

// loggingIn is what is said of login.
type loggingIn struct{}

func loggingInEnglish() loggingIn { return loggingIn{} }

func loggingInDanish() loggingIn { return loggingIn{} }
