package rulebook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lockbox/policy"
	"lockbox/policy/lang"
	"lockbox/recorder/ledger"
)

// active reads which policy is in force; the zero value before any was.
func (b *Book) active(ctx context.Context) (a active, err error) {
	err = b.Ledger.View(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Verified(activeKey, &a)
		return err
	})
	return a, err
}

// activate makes a policy the active one, and tells every customer whom a
// machine is taken away from.
func (b *Book) activate(tx *ledger.Tx, a active, p *policy.Policy, files map[string][]byte, actor string) error {
	var was active
	if _, err := tx.Verified(activeKey, &was); err != nil {
		return err
	}
	var held map[string]policy.Hold
	if _, err := tx.Verified(heldKey, &held); err != nil {
		return err
	}
	_, held, moves := p.Keep(held, tx.Now(), b.delay())
	a.At, a.Executives = tx.Now(), p.Activators()
	for key, v := range map[string]any{activeKey: a, heldKey: held, filesKey(a.Digest): kept{files}} {
		if err := tx.Put(key, v); err != nil {
			return err
		}
	}
	detail := map[string]string{"policy-sha256": a.Digest, "config-sha256": a.Config, "before": was.Digest, "signed": "no"}
	var subjects []string
	if a.Motion != "" {
		detail["signed"], subjects = a.Motion, []string{a.Motion}
	}
	if err := tx.Delete(offeredKey); err != nil { // it waits no more
		return err
	}
	for _, m := range moves {
		if err := announce(tx, m, actor); err != nil {
			return err
		}
	}
	_, err := tx.Append(ledger.Event{Kind: "policy.activated", Actor: actor, Subjects: subjects, Detail: detail})
	return err
}

// announce tells of a target that leaves a customer, or production, and when.
func announce(tx *ledger.Tx, m policy.Move, actor string) error {
	e := ledger.Event{
		Kind: "target.leaves", Actor: actor, Subjects: []string{m.Target},
		Detail: map[string]string{"takes-effect": m.At.UTC().Format(time.RFC3339), "leaves": "production"},
	}
	if m.Customer != "" {
		e.Subjects, e.Customers = append(e.Subjects, m.Customer), []string{m.Customer}
		e.Detail["leaves"] = "customer " + m.Customer
	}
	if m.Login != "" {
		e.Detail["login"] = m.Login
	}
	_, err := tx.Append(e)
	return err
}

func (b *Book) delay() time.Duration {
	if b.Delay == 0 {
		return DefaultDelay
	}
	return b.Delay
}

// restore puts the last activated version in force, proven from its
// signatures; nothing but the customers' names where none was.
func (b *Book) restore(ctx context.Context, was active, source *lang.Source) error {
	bare := &policy.Policy{ // takes no fewer signatures than the policy before
		Digest: bareDigest, Customers: map[string]policy.Customer{}, Activation: was.Executives,
	}
	if source != nil {
		bare.Customers = source.Policy.Customers
	}
	b.force.Store(bare)
	if was.Motion == "" || was.Config != b.Config {
		return nil // executives have to sign what the files say before anything is in force
	}
	err := b.swap(ctx)
	if err == nil || errors.Is(err, ledger.ErrTampered) {
		return err
	}
	b.force.Store(bare) // a newer program may refuse what was signed: they can sign what it takes
	b.Report(err)
	return nil
}

// parsed reads the files of an active policy, which have this digest.
func parsed(files map[string][]byte, digest string) (*policy.Policy, error) {
	s, err := lang.Parse(files)
	if err != nil {
		return nil, fmt.Errorf("read the active policy: %w", err)
	}
	if s.Policy.Digest != digest {
		return nil, errors.New("the files of the active policy have another digest")
	}
	return s.Policy, nil
}

// swap puts what the ledger says is active in force, as time and machines have
// it, and says so in the log: open sessions are asked about again.
func (b *Book) swap(ctx context.Context) error {
	p, until, err := b.compose(ctx)
	if err != nil {
		return err
	}
	if err := b.found(ctx, p); err != nil { // what was pinned stays pinned, whatever the files say
		b.Report(fmt.Errorf("found who speaks for new customers: %w", err))
	}
	b.force.Store(p)
	b.until = until
	return b.Ledger.Update(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Append(ledger.Event{Kind: "policy.in-force", Actor: "lockbox", Detail: map[string]string{"policy-sha256": p.Digest}})
		return err
	})
}

// compose builds the policy in force from the ledger alone.
func (b *Book) compose(ctx context.Context) (p *policy.Policy, until time.Time, err error) {
	var (
		a    active
		k    kept
		held map[string]policy.Hold
		now  time.Time
	)
	err = b.Ledger.View(ctx, func(tx *ledger.Tx) error {
		now = tx.Now()
		if ok, err := tx.Verified(activeKey, &a); err != nil || !ok {
			return errors.Join(errors.New("no policy is active"), err)
		}
		if ok, err := tx.Verified(filesKey(a.Digest), &k); err != nil || !ok {
			return errors.Join(errors.New("the files of the active policy are not kept"), err)
		}
		if _, err := tx.Verified(heldKey, &held); err != nil {
			return err
		}
		return b.proven(tx, a)
	})
	if err != nil {
		return nil, until, fmt.Errorf("find the policy in force: %w", err)
	}
	if p, err = parsed(k.Files, a.Digest); err != nil {
		return nil, until, err
	}
	p, held, _ = p.Keep(held, now, b.delay())
	p.Ready()
	return p, next(held, now), nil
}

// proven verifies the signatures behind an active policy again.
func (b *Book) proven(tx *ledger.Tx, a active) error {
	if a.Motion == "" {
		if b.production(a) {
			return errors.New("nobody signed the active policy")
		}
		return nil
	}
	m, err := b.Motions.Proven(tx, a.Motion)
	if err != nil {
		return fmt.Errorf("prove motion %s: %w", a.Motion, err)
	}
	if m.Kind != policy.ToActivate || m.About != a.Digest || m.Config != a.Config {
		return fmt.Errorf("motion %s activated something else", a.Motion)
	}
	return nil
}

// next is when time alone changes what machines hold; zero: never.
func next(held map[string]policy.Hold, now time.Time) (at time.Time) {
	for _, h := range held {
		if t := h.Next(now); !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// Run follows the ledger until ctx ends: it puts in force what executives
// sign, and what time changes.
func (b *Book) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wake := make(chan error, 1)
	from := b.Ledger.Last()
	wake <- nil // what happened before this began
	wg.Go(func() {
		for e, err := range b.Ledger.Watch(ctx, from) {
			if err == nil && e.Kind != "policy.activated" {
				continue
			}
			select {
			case wake <- err:
			case <-ctx.Done():
			}
			if err != nil {
				return
			}
		}
	})
	for {
		if err := b.await(ctx, wake); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		b.mu.Lock()
		err := b.follow(ctx)
		b.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			b.Report(err)
		}
	}
}

// await returns when something may have changed.
func (b *Book) await(ctx context.Context, wake <-chan error) error {
	b.mu.Lock()
	at := b.until
	b.mu.Unlock()
	var timer <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-wake:
		return err
	case <-timer:
		return nil
	}
}

// follow swaps when what is in force is not what the ledger and the time say.
func (b *Book) follow(ctx context.Context) error {
	a, err := b.active(ctx)
	if err != nil {
		return err
	}
	if a.Digest == "" || b.production(a) && a.Config != b.Config {
		return nil
	}
	if b.whole(a) && (b.until.IsZero() || time.Now().Before(b.until)) {
		return nil
	}
	return b.swap(ctx)
}

// Leaving lists what leaves a customer, or production, when its delay has
// passed; soonest first.
func (b *Book) Leaving(ctx context.Context) (all []policy.Move, err error) {
	err = b.Ledger.View(ctx, func(tx *ledger.Tx) error {
		var held map[string]policy.Hold
		_, err := tx.Verified(heldKey, &held)
		all = leaving(held, tx.Now())
		return err
	})
	return all, err
}

// leaving tells each move once, whatever a machine is known by.
func leaving(held map[string]policy.Hold, now time.Time) (all []policy.Move) {
	seen := map[policy.Move]bool{}
	for _, h := range held {
		for customer, at := range h.Customers {
			seen[policy.Move{Target: h.Target, Customer: customer, At: at}] = at.After(now)
		}
		seen[policy.Move{Target: h.Target, At: h.Production}] = h.Production.After(now)
	}
	for m, ahead := range seen {
		if ahead {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b policy.Move) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Target, b.Target), strings.Compare(a.Customer, b.Customer))
	})
	return all
}
