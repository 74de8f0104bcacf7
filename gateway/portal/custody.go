package portal

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"lockbox/gateway"
	"lockbox/policy"
	"lockbox/recorder"
)

// custodyFacts is how long a recording is kept.
type custodyFacts struct {
	gateway.Custody
	May  bool   // the reader may hold it, or let it go
	To   string // whose keys open it, in words
	Late bool   // it should be destroyed and is not; why is for those who can mend it
}

func (p *Portal) custodyOf(x *exchange, s sight) (custodyFacts, error) {
	c, err := p.Gateway.Custody(x.r.Context(), x.who.Principal, s.ID)
	if err != nil {
		return custodyFacts{}, fmt.Errorf("find how long recording %s is kept: %w", s.ID, err)
	}
	f := custodyFacts{c, p.may(s, policy.Preserve), x.sealedTo(s, c.Sealed), c.Stuck != ""}
	if !x.keeps() {
		f.Stuck = ""
	}
	return f, nil
}

// sealedTo says whose keys open a recording.
func (x *exchange) sealedTo(s sight, to []string) string {
	var names []string
	for _, who := range to {
		switch {
		case who == "vault" && len(x.p.Vault) == 0:
			names = append(names, x.say.text("the company's vault, which is kept away from this gateway"))
		case who == "vault":
			names = append(names, x.say.text("this gateway's vault"))
		case who == "auditor":
			names = append(names, x.say.text("the auditor"))
		case who == "customer" && len(s.Customers) == 1:
			names = append(names, customerName(x.p.Desk.Policy(), s.Customers[0]))
		}
	}
	return strings.Join(names, ", ")
}

// keep holds a recording beyond its time, or lets that go.
func (p *Portal) keep(x *exchange) error {
	if err := x.form(); err != nil {
		return err
	}
	s, err := p.find(x.r.Context(), x.who.Principal, x.r.PathValue("id"))
	if err != nil {
		return err
	}
	switch why := x.line("why"); x.value("do") {
	case "keep":
		err = p.Gateway.Keep(x.r.Context(), x.who.Principal, s.ID, why)
	case "release":
		err = p.Gateway.Release(x.r.Context(), x.who.Principal, s.ID, why)
	default:
		return errBody
	}
	return p.done(x, s, "hold-why", err, "#custody")
}

// sealed sends the recording as it is, sealed: for whoever holds a key to it, and
// to verify it elsewhere.
func (p *Portal) sealed(x *exchange) error {
	s, err := p.looked(x)
	if err != nil {
		return err
	}
	if s.Ended.IsZero() {
		return errNoRecording
	}
	if p.Bring != nil {
		if err := p.Bring(x.r.Context(), s.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("bring recording %s back: %w", s.ID, err)
		}
	}
	folder, err := recorder.Find(p.Shelf.Dir, s.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoRecording
	}
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("open recording %s: %w", s.ID, err)
	}
	defer func() { _ = root.Close() }() // read only
	if _, err := root.Lstat("key.age"); err != nil {
		return errNoRecording
	}
	x.file("application/x-tar", "lockbox-"+s.ID+".tar")
	return pack(patient(x.w), root, s.ID)
}

// pack writes the files of a recording as a tar. What is no file of a recording stays out.
func pack(to io.Writer, root *os.Root, session string) error {
	out := tar.NewWriter(to)
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.Type().IsRegular() || name != "key.age" && name != "manifest" && path.Ext(name) != ".seg":
			return nil
		}
		return packFile(out, root, name, session)
	})
	if err != nil {
		return fmt.Errorf("pack recording %s: %w", session, err)
	}
	return out.Close()
}

func packFile(out *tar.Writer, root *os.Root, name, session string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: session + "/" + name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime(), Format: tar.FormatPAX}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(out, f, info.Size())
	return err
}
