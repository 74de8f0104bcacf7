package rulebook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lockbox/policy"
	"lockbox/policy/lang"
	"lockbox/recorder/ledger"
)

// Motions takes and proves motions: approvals/charter.
type Motions interface {
	Offer(ctx context.Context, m policy.Motion) (id string, err error)
	Drop(ctx context.Context, id, why string) error
	Proven(tx *ledger.Tx, id string) (*policy.Motion, error)
}

// A Book holds the policy in force. Its fields are set before Open.
type Book struct {
	Ledger  *ledger.Ledger
	Motions Motions
	Read    func() (map[string][]byte, error) // the files under review; lang.Read
	Found   func(ctx context.Context, executives []string, customers map[string][]string) error
	// MayFound says whether Found would refuse; nobody is asked to sign such files.
	MayFound func(ctx context.Context, executives []string, customers map[string][]string) error
	// Production: a change is in force only once executives have signed it. Once
	// signed so, a gateway stays in production until they sign otherwise.
	Production bool
	Config     string        // digest of the configuration that is signed together with a policy
	Witnesses  int           // that are configured; files whose rules want more are not valid
	Delay      time.Duration // before a machine leaves a customer or production; 0: 96 h
	Report     func(error)
	Actor      string // who runs the gateway: "ops@localhost"
	Count      func(Outcome)

	force atomic.Pointer[policy.Policy]
	mu    sync.Mutex // one change at a time
	until time.Time  // when time alone changes what is in force; guarded by mu
}

// DefaultDelay is what customers have by default to answer.
const DefaultDelay = 96 * time.Hour

// active is the row of the policy in force.
type active struct {
	Digest     string    `json:"digest"`
	Config     string    `json:"config"`
	Motion     string    `json:"motion,omitempty"` // that activated it; "" without signatures
	Production bool      `json:"production"`
	Executives int       `json:"executives"` // who must sign the next one
	At         time.Time `json:"at"`
}

const (
	bareDigest = "none" // of the policy in which nothing is allowed

	activeKey  = "policy/active"
	heldKey    = "policy/held"
	offeredKey = "policy/offered" // motion id of the change that waits for signatures
)

func filesKey(digest string) string { return "policy/files/" + digest }

// kept is a policy as its files were.
type kept struct {
	Files map[string][]byte `json:"files"`
}

// An Outcome is what came of reading the files.
type Outcome string

// Outcomes.
const (
	Unchanged Outcome = "unchanged"
	Activated Outcome = "activated" // it is in force
	Offered   Outcome = "offered"   // executives have to sign it; what was in force stays
	Refused   Outcome = "refused"   // it is not valid; what was in force stays
)

// A Result says what came of reading the files, in words for the operator.
type Result struct {
	Outcome Outcome `json:"outcome"`
	Digest  string  `json:"digest,omitempty"`
	Motion  string  `json:"motion,omitempty"`
	Why     string  `json:"why"`
}

// InForce is the policy that decides now. It is never nil after Open.
func (b *Book) InForce() *policy.Policy { return b.force.Load() }

// Open finds the policy that is in force at the start. Its error means that
// nothing may be served: in development the files are not valid, or what the
// ledger holds cannot be proven.
func (b *Book) Open(ctx context.Context) (Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, err := b.active(ctx)
	if err != nil {
		return Result{}, err
	}
	source, files, ferr := b.source()
	if ferr != nil && !b.production(was) {
		return Result{}, ferr // nothing stands in its place that somebody signed
	}
	if source != nil && was.Motion == "" { // who can sign the first one is founded by the files
		if err := b.found(ctx, source.Policy); err != nil {
			return Result{}, err
		}
	}
	if b.production(was) {
		if err := b.restore(ctx, was, source); err != nil {
			return Result{}, err
		}
	}
	return b.counted(b.take(ctx, was, source, files, ferr))
}

// Reload reads the files again. What was in force stays unless the outcome is Activated.
func (b *Book) Reload(ctx context.Context) (Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, err := b.active(ctx)
	if err != nil {
		return Result{}, err
	}
	source, files, ferr := b.source()
	return b.counted(b.take(ctx, was, source, files, ferr))
}

func (b *Book) counted(r Result, err error) (Result, error) {
	if b.Count != nil && r.Outcome != "" {
		b.Count(r.Outcome)
	}
	return r, err
}

// take does with the files what the mode allows.
func (b *Book) take(ctx context.Context, was active, source *lang.Source, files map[string][]byte, ferr error) (Result, error) {
	if ferr != nil {
		return b.refuse(ctx, ferr)
	}
	same := source.Policy.Digest == was.Digest && was.Config == b.Config && was.Production == b.Production
	if same && !b.production(was) && !b.whole(was) { // the gateway has just started
		if err := b.swap(ctx); err != nil {
			return Result{}, err
		}
	}
	switch {
	case same && b.whole(was):
		return Result{Unchanged, was.Digest, "", "the files say what is in force"}, b.drop(ctx, "", "the files say again what is in force")
	case b.production(was):
		if err := b.mayFound(ctx, source.Policy); err != nil {
			return b.refuse(ctx, err)
		}
		return b.offer(ctx, was, source, files)
	}
	if err := b.found(ctx, source.Policy); err != nil {
		return b.refuse(ctx, err)
	}
	err := b.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		return b.activate(tx, active{Digest: source.Policy.Digest, Config: b.Config}, source.Policy, files, b.Actor)
	})
	if err != nil {
		return Result{}, err
	}
	return Result{Activated, source.Policy.Digest, "", fmt.Sprintf("%d rules and %d targets are in force", len(source.Policy.Rules), len(source.Policy.Targets))}, b.swap(ctx)
}

// production says whether a change takes signatures.
func (b *Book) production(was active) bool { return b.Production || was.Production }

// whole says whether what is in force is what the row says, and not the bare one.
func (b *Book) whole(was active) bool {
	p := b.force.Load()
	return p != nil && p.Digest == was.Digest
}

// source reads the files and says what is wrong with them.
func (b *Book) source() (*lang.Source, map[string][]byte, error) {
	files, err := b.Read()
	if err != nil {
		return nil, nil, err
	}
	s, err := valid(files)
	if err == nil {
		err = s.Witnessed(b.Witnesses)
	}
	return s, files, err
}

func valid(files map[string][]byte) (*lang.Source, error) {
	s, err := lang.Parse(files)
	if err != nil {
		return nil, err
	}
	return s, s.Valid()
}

// found pins what founded_by says.
func (b *Book) found(ctx context.Context, p *policy.Policy) error {
	return b.Found(ctx, p.Executives, founders(p))
}

func (b *Book) mayFound(ctx context.Context, p *policy.Policy) error {
	return b.MayFound(ctx, p.Executives, founders(p))
}

func founders(p *policy.Policy) map[string][]string {
	all := map[string][]string{}
	for id, c := range p.Customers {
		all[id] = c.FoundedBy
	}
	return all
}

// refuse writes down that the files are not taken; what was in force stays.
func (b *Book) refuse(ctx context.Context, why error) (Result, error) {
	err := b.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{
			Kind: "policy.refused", Actor: b.Actor, Detail: map[string]string{"why": firstLine(why)},
		})
		return err
	})
	return Result{Outcome: Refused, Why: why.Error()}, err
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.ToValidUTF8(line[:min(len(line), 500)], "")
}

// offer asks executives to sign the files. The one that waited before is dropped.
func (b *Book) offer(ctx context.Context, was active, source *lang.Source, files map[string][]byte) (Result, error) {
	p := source.Policy
	err := b.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		if err := tx.Put(filesKey(p.Digest), kept{files}); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{
			Kind: "policy.read", Actor: b.Actor, Detail: map[string]string{"policy-sha256": p.Digest, "config-sha256": b.Config, "before": was.Digest},
		})
		return err
	})
	if err != nil {
		return Result{}, err
	}
	id, err := b.Motions.Offer(ctx, policy.Motion{
		Kind: policy.ToActivate, About: p.Digest, Config: b.Config, Text: b.summary(p),
		Stage: policy.Stage{Kind: policy.ByExecutive, Count: max(p.Activators(), b.InForce().Activators())},
	})
	if err != nil {
		return Result{Outcome: Offered, Digest: p.Digest, Why: "nobody can sign it yet: " + err.Error()}, nil
	}
	if err := b.drop(ctx, id, "the files have changed again"); err != nil {
		return Result{}, err
	}
	err = b.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		if err := tx.Put(offeredKey, id); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{
			Kind: "policy.offered", Actor: b.Actor, Subjects: []string{id}, Detail: map[string]string{"policy-sha256": p.Digest, "config-sha256": b.Config},
		})
		return err
	})
	return Result{Offered, p.Digest, id, "executives have to sign motion " + id + "; until then what was in force stays"}, err
}

// drop takes back the change that waits for signatures, unless it is this one.
func (b *Book) drop(ctx context.Context, but, why string) error {
	var waits string
	err := b.Ledger.View(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Get(offeredKey, &waits)
		return err
	})
	if err != nil || waits == "" || waits == but {
		return err
	}
	if err := b.Motions.Drop(ctx, waits, why); err != nil { // it may have been decided meanwhile
		b.Report(fmt.Errorf("drop the change that waited: %w", err))
	}
	return b.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		if err := tx.Delete(offeredKey); err != nil {
			return err
		}
		_, err := tx.Append(ledger.Event{Kind: "policy.dropped", Actor: b.Actor, Subjects: []string{waits}, Detail: map[string]string{"why": why}})
		return err
	})
}

// Effect makes a signed policy the active one, in the transaction in which the
// motion passed: for charter.Charter.
func (b *Book) Effect(tx *ledger.Tx, m *policy.Motion) error {
	if m.Kind != policy.ToActivate || !m.Holds(tx.Now()) {
		return nil
	}
	if m.Config != b.Config {
		return errors.New("the configuration has changed since this was offered; reload the policy to offer it again")
	}
	var k kept
	if ok, err := tx.Verified(filesKey(m.About), &k); err != nil || !ok {
		return errors.Join(errors.New("the files of this policy are not kept"), err)
	}
	s, err := valid(k.Files)
	if err != nil {
		return fmt.Errorf("read the policy again: %w", err)
	}
	if s.Policy.Digest != m.About {
		return errors.New("the files of this policy are not the ones that were signed")
	}
	return b.activate(tx, active{Digest: m.About, Config: m.Config, Motion: m.ID, Production: b.Production}, s.Policy, k.Files, "lockbox")
}
