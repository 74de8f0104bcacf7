package sshproxy

// forwarding is what is said of forward.
type forwarding struct{}

func forwardingEnglish() forwarding { return forwarding{} }

func forwardingDanish() forwarding { return forwarding{} }
