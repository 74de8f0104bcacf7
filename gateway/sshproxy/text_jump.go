package sshproxy

// jumping is what is said of jump.
type jumping struct{}

func jumpingEnglish() jumping { return jumping{} }

func jumpingDanish() jumping { return jumping{} }
