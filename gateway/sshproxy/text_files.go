package sshproxy

// filing is what is said of files.
type filing struct{}

func filingEnglish() filing { return filing{} }

func filingDanish() filing { return filing{} }
