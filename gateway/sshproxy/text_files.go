package sshproxy

import "lockbox/gateway/sshproxy/sftp"

// filing is what is said of files.
type filing struct {
	noSubsystem, noSubsystemNext, noTerminalFiles, withoutFiles, withoutFilesNext, scpBounded, scpBoundedNext, notSCP, notSFTP string
	fileNoGet, fileNoPut, fileOutside, fileTooLarge, fileNoAppend, fileNoLink                                                  string
	fileUnchecked, fileUnknown, fileNoHandle, fileTooMany, fileBadName                                                         string
}

// reason is why something is refused inside a file transfer.
func (f *filing) refusedFile(r sftp.Reason) string {
	switch r {
	case sftp.NoGet:
		return f.fileNoGet
	case sftp.NoPut:
		return f.fileNoPut
	case sftp.Outside:
		return f.fileOutside
	case sftp.TooLarge:
		return f.fileTooLarge
	case sftp.NoAppend:
		return f.fileNoAppend
	case sftp.NoLink:
		return f.fileNoLink
	case sftp.Unchecked:
		return f.fileUnchecked
	case sftp.NoHandle:
		return f.fileNoHandle
	case sftp.TooMany:
		return f.fileTooMany
	case sftp.BadName:
		return f.fileBadName
	}
	return f.fileUnknown
}

func filingEnglish() filing {
	return filing{
		noSubsystem:      "the only subsystem that passes through this gateway is sftp",
		noSubsystemNext:  "run the program as a command, if you may: ssh TARGET@GATEWAY COMMAND",
		noTerminalFiles:  "sftp runs without a terminal; leave out -t",
		withoutFiles:     "grant %s was approved without file transfer",
		withoutFilesNext: "work without files, or ask again and say why they are needed",
		scpBounded:       "rule %q lists the paths that may be transferred, which the old protocol of scp cannot keep",
		scpBoundedNext:   "use sftp, or scp without -O",
		notSCP:           "the file transfer was cut: what came is not the protocol of scp; the target's login scripts may write to standard output",
		notSFTP:          "the file transfer was cut: what came is not SFTP version 3; the target's login scripts may write to standard output, or it has no SFTP server",
		fileNoGet:        "reading files is not permitted here (sftp-get); they can be written",
		fileNoPut:        "changing files is not permitted here (sftp-put); they can be read",
		fileOutside:      "this path is not among those that the rule lists",
		fileTooLarge:     "this file is larger than the rule permits",
		fileNoAppend:     "appending is not possible where a rule limits the size of files; write the file anew",
		fileNoLink:       "symbolic links cannot be made where a rule lists paths",
		fileUnchecked:    "where this path leads cannot be made sure of, so it is not used",
		fileUnknown:      "this operation is not known here, so it is not passed on",
		fileNoHandle:     "no file is open for this",
		fileTooMany:      "too many files are open; close some",
		fileBadName:      "the target sent a name that was not asked for, so the transfer was cut",
	}
}

func filingDanish() filing {
	return filing{
		noSubsystem:      "det eneste undersystem, der går gennem denne gateway, er sftp",
		noSubsystemNext:  "kør programmet som en kommando, hvis du må: ssh MÅL@GATEWAY KOMMANDO",
		noTerminalFiles:  "sftp kører uden terminal; udelad -t",
		withoutFiles:     "adgang %s blev godkendt uden filoverførsel",
		withoutFilesNext: "arbejd uden filer, eller bed igen, og sig hvorfor de er nødvendige",
		scpBounded:       "regel %q opregner de stier, der må overføres, og det kan den gamle scp-protokol ikke overholde",
		scpBoundedNext:   "brug sftp eller scp uden -O",
		notSCP:           "filoverførslen blev afbrudt: det, der kom, er ikke scp-protokollen; målets login-scripts skriver måske til standard output",
		notSFTP:          "filoverførslen blev afbrudt: det, der kom, er ikke SFTP version 3; målets login-scripts skriver måske til standard output, eller det har ingen SFTP-server",
		fileNoGet:        "her er det ikke tilladt at læse filer (sftp-get); de kan skrives",
		fileNoPut:        "her er det ikke tilladt at ændre filer (sftp-put); de kan læses",
		fileOutside:      "denne sti er ikke blandt dem, reglen opregner",
		fileTooLarge:     "denne fil er større, end reglen tillader",
		fileNoAppend:     "man kan ikke tilføje til en fil, hvor en regel begrænser størrelsen; skriv filen på ny",
		fileNoLink:       "symbolske links kan ikke laves, hvor en regel opregner stier",
		fileUnchecked:    "det kan ikke sikres, hvor denne sti fører hen, så den bruges ikke",
		fileUnknown:      "denne handling er ukendt her, så den gives ikke videre",
		fileNoHandle:     "ingen fil er åben til dette",
		fileTooMany:      "for mange filer er åbne; luk nogle",
		fileBadName:      "målet sendte et navn, der ikke blev bedt om, så overførslen blev afbrudt",
	}
}
