package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"golang.org/x/crypto/ssh"

	"lockbox/gateway/outside"
	"lockbox/policy"
)

// A Kind is what went wrong on the way to a target. The log has it as it is
// written here.
type Kind string

const (
	Unknown    Kind = "unknown"              // none of the others
	Forbidden  Kind = "forbidden-address"    // of a kind that no target has
	Ourselves  Kind = "own-address"          // we listen there ourselves
	Unresolved Kind = "name-unresolved"      // there is no address for the name
	NoRoute    Kind = "no-route"             // nothing leads there
	Refused    Kind = "refused"              // nobody listens
	TimedOut   Kind = "timed-out"            // it does not answer in time
	NoSSH      Kind = "no-ssh"               // who answers does not speak SSH
	Full       Kind = "turned-away"          // sshd takes nobody, or not us, at the moment
	NoCommon   Kind = "no-common-algorithms" // it is too old, or too new
	OtherKey   Kind = "other-host-key"       // somebody else answers
	HostCert   Kind = "host-certificate"     // it is over, for another name, or signed by the wrong key
	Unwelcome  Kind = "certificate-refused"  // it does not take our certificate
	Unsigned   Kind = "not-signed"           // we could not make one
	Cut        Kind = "closed"               // it hung up in the middle
	Held       Kind = "held-back"            // the visit was frozen meanwhile: the target may be well
	NoChannel  Kind = "channel-refused"
	NoTerminal Kind = "terminal-refused"
	NoProgram  Kind = "program-refused"
)

// A Fault is why there is no connection to a target.
type Fault struct {
	Kind   Kind
	Target string
	Err    error // for operators alone: it names addresses
}

// Error is for operators, with what they have to look at.
func (f *Fault) Error() string {
	text := fmt.Sprintf("dial %s: %s: %v", f.Target, f.Kind, f.Err)
	if check := f.Kind.check(); check != "" {
		text += "; check " + check
	}
	return text
}

func (f *Fault) Unwrap() error { return f.Err }

// check is what may be wrong, where the error does not say it all.
func (k Kind) check() string {
	switch k {
	case Ourselves:
		return "the target's address in the policy: the gateway itself listens there"
	case Unresolved:
		return "the target's address in the policy, and the DNS of the gateway"
	case NoRoute, TimedOut:
		return "that the machine is up, and that firewalls let the gateway in"
	case Refused:
		return "that sshd runs there, on the port of the policy"
	case NoSSH:
		return "the port of the policy: something else listens there"
	case Full:
		return "MaxStartups and PerSourcePenalties in its sshd_config: the gateway's address belongs into PerSourcePenaltyExemptList"
	case NoCommon:
		return "KexAlgorithms, Ciphers, MACs and HostKeyAlgorithms in its sshd_config, or upgrade its sshd"
	case OtherKey:
		return "on the machine itself, with ssh-keygen -lf, whether its key was changed; if it was not, somebody stands in between"
	case HostCert:
		return "the dates and names of its host certificate with ssh-keygen -Lf, and the gateway's clock"
	case Unwelcome:
		return "on the target: TrustedUserCAKeys names the gateway's target CA, the login exists and may use keys, its clock is right within 30 s, it sees the gateway at the address that the certificate names"
	}
	return ""
}

// Retry says whether the same may do a little later, without anybody's help.
func (k Kind) Retry() bool {
	switch k {
	case Refused, TimedOut, Full, Cut, Held, NoRoute, NoChannel, Unknown:
		return true
	}
	return false
}

// KindOf is what went wrong; "" where err is no Fault.
func KindOf(err error) Kind {
	var f *Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return ""
}

var (
	errLate      = fmt.Errorf("it took longer than %s", dialTime)
	errNoPin     = errors.New("its host key is not pinned")
	errTwice     = errors.New("it asks for a second certificate")
	errAnybody   = errors.New("it lets in anybody, without a certificate")
	errDropped   = errors.New("nobody claimed the connection")
	errNotSigned = errors.New("no certificate was made")
)

// fault says what an error of a line is; of a nil line, one of the dial.
func fault(t *policy.Target, l *line, err error) *Fault {
	f := &Fault{Kind: kind(err), Target: t.Name, Err: err}
	if l == nil {
		return f
	}
	stage := l.stage.Load()
	switch {
	case f.Kind == TimedOut && l.held():
		f.Kind = Held
	case f.Kind == TimedOut && stage == begun && len(l.socket.first()) > 0 && !speaks(l.socket.first()):
		f.Kind = NoSSH // it talks, and says nothing of SSH
	case f.Kind != Unknown && f.Kind != Cut:
	case stage == begun:
		f.Kind = before(l.socket.first())
	case f.Kind == Unknown && (stage == shown || l.asked()):
		f.Kind = Unwelcome
	}
	return f
}

// kind is what an error is by itself.
func kind(err error) Kind {
	var dns *net.DNSError
	var none *ssh.AlgorithmNegotiationError
	var late interface{ Timeout() bool }
	switch {
	case errors.Is(err, errLate), errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	case errors.Is(err, errHostKey), errors.Is(err, errNoPin):
		return OtherKey
	case errors.Is(err, errHostCert):
		return HostCert
	case errors.Is(err, errNotSigned):
		return Unsigned
	case errors.Is(err, errAnybody), errors.Is(err, errTwice):
		return Unwelcome
	case errors.Is(err, outside.ErrOurs):
		return Ourselves
	case errors.Is(err, outside.ErrAddress):
		return Forbidden
	case errors.As(err, &none) && len(none.SupportedAlgorithms) > 0 && none.SupportedAlgorithms[0] == ssh.CertAlgoED25519v01:
		return HostCert // it has none, and the policy wants one
	case errors.As(err, &none):
		return NoCommon
	case errors.As(err, &dns) && !dns.IsTimeout:
		return Unresolved
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return NoRoute
	case errors.As(err, &late) && late.Timeout():
		return TimedOut
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, errRekeys):
		return Cut
	}
	return Unknown
}

// before is what it means that keys were not exchanged, by what came first.
func before(first []byte) Kind {
	switch {
	case bytes.HasPrefix(first, []byte("Exceeded MaxStartups")), bytes.HasPrefix(first, []byte("Not allowed at this time")): // sshd says so
		return Full
	case len(first) == 0 || speaks(first):
		return Cut
	}
	return NoSSH
}

// speaks says whether it begins as SSH does: RFC 4253, 4.2, allows lines before the version.
func speaks(first []byte) bool {
	return bytes.HasPrefix(first, []byte("SSH-")) || bytes.Contains(first, []byte("\nSSH-"))
}

// asked says whether the target has heard who is there.
func (l *line) asked() bool { return l.stage.Load() >= keyed }

// held says whether the visit that the line is for lets nothing pass now.
func (l *line) held() bool {
	now, stop := context.WithCancel(context.Background())
	stop()
	gate := l.socket.gate.Load()
	return gate != nil && (*gate)(now) != nil
}
