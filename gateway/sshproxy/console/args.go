package console

import (
	"errors"
	"slices"
	"strings"
)

// args are what follows a command.
type args struct {
	rest []string
	json bool
	flag map[string]string
}

// parseArgs reads flags. ssh joins its arguments with blanks, so that quotes of
// the local shell are lost: a reason goes on to the next flag.
func parseArgs(words []string) (args, error) {
	a := args{flag: map[string]string{}}
	for i := 0; i < len(words); i++ {
		name, value, given := strings.Cut(words[i], "=")
		switch {
		case words[i] == "--json":
			a.json = true
			continue
		case words[i] == "--all":
			a.flag[name] = ""
			continue
		case !strings.HasPrefix(words[i], "--"):
			a.rest = append(a.rest, words[i])
			continue
		}
		if len(flagsOf(name)) == 0 {
			return a, usage("unknown option %s", name)
		}
		if _, twice := a.flag[name]; twice {
			return a, usage("%s is given twice", name)
		}
		if !given {
			i++
			if i == len(words) || strings.HasPrefix(words[i], "--") {
				return a, usage("%s needs a value", name)
			}
			value = words[i]
		}
		for name == "--reason" && i+1 < len(words) && !strings.HasPrefix(words[i+1], "--") {
			i++
			value += " " + words[i]
		}
		a.flag[name] = value
	}
	return a, nil
}

// one is the only argument.
func (a args) one(what string) (string, error) {
	if len(a.rest) != 1 {
		return "", usage("name one %s", what)
	}
	return a.rest[0], nil
}

// flagsOf are the commands that take a flag; none: there is no such flag.
func flagsOf(name string) []string {
	switch name {
	case "--for":
		return []string{"request", "token", "glass"}
	case "--scope":
		return []string{"token"}
	case "--ticket", "--customer", "--code", "--login", "--do":
		return []string{"request", "glass"}
	case "--reason":
		return []string{"request", "extend", "glass"}
	case "--all":
		return []string{"status"}
	case "--to":
		return []string{"say", "request"}
	case "--gateway":
		return []string{"ssh-config"}
	}
	return nil
}

// belong refuses flags that a command does not have.
func (a args) belong(command string) error {
	for name := range a.flag {
		if of := flagsOf(name); !slices.Contains(of, command) {
			return usage("%s belongs to `%s`", name, of[0])
		}
	}
	return nil
}

// code is the request that a command names first; what follows is text.
func (a args) code() (code, text string, err error) {
	if len(a.rest) == 0 {
		return "", "", usage("name one request")
	}
	return strings.ToUpper(a.rest[0]), strings.Join(a.rest[1:], " "), nil
}

// Split cuts a line into words as a shell does, but for everything that a
// shell would expand: quotes and backslashes only.
func Split(line string) (words []string, err error) {
	var word strings.Builder
	begun, escaped := false, false
	var quote rune
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			begun, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			begun, quote = true, r
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	switch {
	case quote != 0:
		return nil, errors.New("a quote is not closed")
	case escaped:
		return nil, errors.New("nothing follows the last backslash")
	case begun:
		words = append(words, word.String())
	}
	return words, nil
}
