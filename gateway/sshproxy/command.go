package sshproxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/sshproxy/speech"
	"lockbox/policy"
)

// A console is the command line for people, one command of it.
type console struct {
	s    *session
	say  texts
	who  policy.Principal
	json bool
	out  strings.Builder
}

// errUsage is a command that is not written as help says.
type errUsage struct{ why string }

func (e *errUsage) Error() string { return e.why }

func usage(format string, args ...any) error { return &errUsage{fmt.Sprintf(format, args...)} }

// commandLine answers `ssh GATEWAY COMMAND`.
func (s *session) commandLine(p program) *refusal {
	who, err := s.c.door.known(s.ctx, s.c.conn, s.c.id.key)
	if err == nil { // what they may as they are now: it may be more than to go in
		who, err = s.c.door.Gateway.Known(s.ctx, who, s.c.id.fingerprint)
	}
	if err != nil {
		return &refusal{code: policy.ByPolicy, exit: exitDenied, why: s.keyGone(err)}
	}
	c := &console{s: s, say: s.say(), who: who}
	status, err := c.run(p)
	var bad *errUsage
	switch {
	case s.ctx.Err() != nil:
		return nil
	case errors.As(err, &bad):
		c.answer(exitUsage, bad.why+"\n"+c.say.seeHelp)
	case err != nil:
		r := s.failed(err, "")
		c.answer(r.exit, r.why)
	default:
		c.answer(status, "")
	}
	return nil
}

// run does one command and gives the exit status.
func (c *console) run(p program) (int, error) {
	if p.kind == "shell" || strings.TrimSpace(p.command) == "" {
		if c.s.terminal() == nil {
			return c.help()
		}
		return c.overview()
	}
	words, err := split(p.command)
	if err != nil || len(words) == 0 {
		return 0, usage(c.say.noWords, err)
	}
	a, err := parseArgs(words[1:])
	if err != nil {
		return 0, err
	}
	c.json = a.json
	if err := a.belong(words[0]); err != nil {
		return 0, err
	}
	switch words[0] {
	case "request":
		return c.request(a)
	case "status":
		return c.status(a)
	case "extend":
		return c.extend(a)
	case "accept":
		return c.accept(a)
	case "say":
		return c.remark(a)
	case "revoke":
		return c.revoke(a)
	case "reject":
		return c.reject(a)
	case "approve":
		return c.approve(a)
	case "cancel":
		return c.end(a, c.s.c.door.Desk.Withdraw, c.say.cancelled)
	case "give-back":
		return c.end(a, c.s.c.door.Desk.GiveBack, c.say.givenBack)
	case "targets":
		return c.targets()
	case "grants":
		return c.grants()
	case "motions":
		return c.motions(a)
	case "oppose":
		return c.oppose(a)
	case "token":
		return c.token(a)
	case "ssh-config":
		return c.setup(a)
	case "help", "--help", "-h":
		return c.help()
	}
	return 0, usage(c.say.unknownCommand, words[0])
}

// answer writes what there is to say, and ends the program.
func (c *console) answer(status int, wrong string) {
	if !c.s.claim() {
		return
	}
	tty := c.s.terminal() != nil
	if wrong != "" {
		for line := range strings.Lines(wrong) {
			wrong := "lockbox: " + speech.Clean(strings.TrimSpace(line)) + "\n"
			c.s.out.words(wrong, tty, !tty)
		}
	} else {
		c.s.out.words(c.out.String(), tty, false)
	}
	c.s.out.exit(&ssh.Request{Type: "exit-status", Payload: ssh.Marshal(struct{ Status uint32 }{uint32(status)})})
	c.s.out.close()
}

// print writes a line of the answer. What people typed is made harmless.
func (c *console) print(format string, args ...any) {
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		c.out.WriteString(speech.Clean(line) + "\n")
	}
}

// object writes v as the answer, where the person wants JSON.
func (c *console) object(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	c.out.Write(append(text, '\n'))
	return nil
}

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
		return []string{"request", "token"}
	case "--scope":
		return []string{"token"}
	case "--ticket", "--customer", "--code", "--login", "--do":
		return []string{"request"}
	case "--reason":
		return []string{"request", "extend"}
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
