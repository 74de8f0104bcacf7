package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"lockbox/policy"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/open-policy-agent/opa/v1/rego"
)

// A peer answers the questions; yes is whether anything is permitted at all.
type peer struct {
	name   string
	answer func(i int) (yes bool, err error)
	turn   int // questions at a time
}

func lockbox(name string, p *policy.Policy, turn int) peer {
	var all []policy.Question
	for i := range questions {
		all = append(all, ask(i))
	}
	return peer{name, func(i int) (bool, error) { return p.Decide(all[i%questions]).Verdict != policy.Deny, nil }, turn}
}

// cedarPeer states each rule as a policy of Cedar, and people, groups and targets as entities.
func cedarPeer(p *policy.Policy) (peer, error) {
	var text strings.Builder
	for _, r := range p.Rules {
		effect, who, when := "permit", "principal", []string{}
		if r.Forbid {
			effect = "forbid"
		} else {
			who = fmt.Sprintf("principal in Group::%q", r.Groups[0])
		}
		on := "resource"
		if len(r.Targets) > 0 {
			on = fmt.Sprintf("resource == Target::%q", r.Targets[0])
		}
		if team, ok := r.Labels["team"]; ok {
			when = append(when, fmt.Sprintf("resource.team == %q", team))
		}
		if len(r.Kinds) > 0 {
			when = append(when, fmt.Sprintf("resource.kind == %q", r.Kinds[0]))
		}
		if len(r.From) > 0 {
			when = append(when, fmt.Sprintf("context.from.isInRange(ip(%q))", r.From[0]))
		}
		fmt.Fprintf(&text, "%s (%s, action in [Action::%q, Action::%q], %s)", effect, who, r.Actions[0], r.Actions[1], on)
		if len(when) > 0 {
			fmt.Fprintf(&text, " when { %s }", strings.Join(when, " && "))
		}
		text.WriteString(";\n")
	}
	set, err := cedar.NewPolicySetFromBytes("rules.cedar", []byte(text.String()))
	if err != nil {
		return peer{}, fmt.Errorf("read rules for cedar: %w", err)
	}
	entities, all := cedarWorld(p)
	return peer{"cedar-go", func(i int) (bool, error) {
		d, x := cedar.Authorize(set, entities, all[i%questions])
		if len(x.Errors) > 0 {
			return false, fmt.Errorf("cedar: %v", x.Errors[0])
		}
		return d == cedar.Allow, nil
	}, 20}, nil
}

func cedarWorld(p *policy.Policy) (cedar.EntityMap, []cedar.Request) {
	entities := cedar.EntityMap{}
	in := map[string][]cedar.EntityUID{}
	for g, members := range p.Groups {
		id := cedar.NewEntityUID("Group", cedar.String(g))
		entities[id] = cedar.Entity{UID: id}
		for _, who := range members {
			in[who] = append(in[who], id)
		}
	}
	for who, groups := range in {
		id := cedar.NewEntityUID("Person", cedar.String(who))
		entities[id] = cedar.Entity{UID: id, Parents: cedar.NewEntityUIDSet(groups...)}
	}
	for name, t := range p.Targets {
		id := cedar.NewEntityUID("Target", cedar.String(name))
		entities[id] = cedar.Entity{UID: id, Attributes: cedar.NewRecord(cedar.RecordMap{"team": cedar.String(t.Labels["team"]), "kind": cedar.String(t.Kind)})}
	}
	var all []cedar.Request
	for i := range questions {
		q := ask(i)
		from, _ := types.ParseIPAddr(q.From.String()) // it is one already
		all = append(all, cedar.Request{
			Principal: cedar.NewEntityUID("Person", cedar.String(q.Who.ID)), Action: cedar.NewEntityUID("Action", cedar.String(q.Do)),
			Resource: cedar.NewEntityUID("Target", cedar.String(q.On)), Context: cedar.NewRecord(cedar.RecordMap{"from": from}),
		})
	}
	return entities, all
}

// opaPeer states each rule as one of Rego. What is known of the target stands in
// the input, so that OPA's own index of rules can be of use.
func opaPeer(p *policy.Policy) (peer, error) {
	var text strings.Builder
	text.WriteString("package rules\n\ndefault yes := false\n\nyes if { permit; not forbid }\n\n")
	for _, r := range p.Rules {
		head, conditions := "permit", []string{}
		if len(r.Targets) > 0 {
			conditions = append(conditions, fmt.Sprintf("input.on == %q", r.Targets[0]))
		}
		if team, ok := r.Labels["team"]; ok {
			conditions = append(conditions, fmt.Sprintf("input.team == %q", team))
		}
		if len(r.Kinds) > 0 {
			conditions = append(conditions, fmt.Sprintf("input.kind == %q", r.Kinds[0]))
		}
		conditions = append(conditions, fmt.Sprintf("input.do in {%q, %q}", r.Actions[0], r.Actions[1]))
		if r.Forbid {
			head = "forbid"
		} else {
			conditions = append(conditions, fmt.Sprintf("input.groups[%q]", r.Groups[0]))
		}
		if len(r.From) > 0 {
			conditions = append(conditions, fmt.Sprintf("net.cidr_contains(%q, input.from)", r.From[0]))
		}
		fmt.Fprintf(&text, "%s if { %s }\n", head, strings.Join(conditions, "; "))
	}
	ctx := context.Background()
	query, err := rego.New(rego.Query("data.rules.yes"), rego.Module("rules.rego", text.String())).PrepareForEval(ctx)
	if err != nil {
		return peer{}, fmt.Errorf("read rules for opa: %w", err)
	}
	all, err := opaInputs(p)
	return peer{"opa", func(i int) (bool, error) {
		out, err := query.Eval(ctx, rego.EvalParsedInput(all[i%questions]))
		return err == nil && out.Allowed(), err
	}, 20}, err
}

// inputs are the questions as JSON.
func inputs(p *policy.Policy) (out [][]byte) {
	in := map[string]map[string]bool{}
	for g, members := range p.Groups {
		for _, who := range members {
			if in[who] == nil {
				in[who] = map[string]bool{}
			}
			in[who][g] = true
		}
	}
	for i := range questions {
		q := ask(i)
		t := p.Targets[q.On]
		b, _ := json.Marshal(map[string]any{"do": q.Do, "on": q.On, "team": t.Labels["team"], "kind": t.Kind, "from": q.From, "groups": in[q.Who.ID]})
		out = append(out, b)
	}
	return out
}
