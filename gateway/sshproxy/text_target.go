package sshproxy

// reaching is what is said of target.
type reaching struct{}

func reachingEnglish() reaching { return reaching{} }

func reachingDanish() reaching { return reaching{} }
