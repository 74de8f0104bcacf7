package approvals

import (
	"testing"
	"time"

	"lockbox/policy"
)

// TestWhenADelegationMakesAVote reads as the specification of a deputy's vote.
func TestWhenADelegationMakesAVote(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	ceo := policy.Principal{ID: "ceo@x.eu", Kind: policy.Executive, Admitted: true}
	base := func() (policy.Request, policy.Motion, policy.Vote) {
		q := policy.Request{
			ID: "7KQM", At: at.Add(-time.Hour), Who: policy.Principal{ID: "eng@x.eu", Kind: policy.Staff}, Target: "db1.prod", Actions: []policy.Action{policy.Shell},
			Stages: []policy.Stage{{Kind: policy.ByExecutive, Count: 1, Of: 2, Expires: 12 * time.Hour}},
		}
		m := policy.Motion{
			ID: "ABCD", Kind: policy.ToDelegate, At: at.Add(-2 * time.Hour), By: ceo, About: "mate@x.eu", Key: "SHA256:mate", Until: at.Add(time.Hour),
			Stage: policy.Stage{Kind: policy.BySelf, Count: 1, Of: 1, Expires: time.Hour},
			Votes: []policy.Vote{{By: ceo, At: at.Add(-2 * time.Hour), Verdict: policy.Yes, Terms: policy.Terms{For: time.Hour}}},
		}
		return q, m, policy.Vote{By: policy.Principal{ID: "mate@x.eu", Kind: policy.Staff}, At: at, Verdict: policy.Yes, Behalf: ceo.ID, Delegation: "ABCD", Key: "SHA256:mate"}
	}
	for _, c := range []struct {
		rule  string
		spoil func(q *policy.Request, m *policy.Motion, v *policy.Vote)
		holds bool
	}{
		{"as it was signed", func(*policy.Request, *policy.Motion, *policy.Vote) {}, true},
		{"ended after the vote", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Ended = at.Add(time.Minute) }, true},
		{"ended at the vote", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Ended = at }, false},
		{"its last instant is out", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Until = at }, false},
		{"it begins later", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.From = at.Add(1) }, false},
		{"nobody signed it", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Votes = nil }, false},
		{"another motion", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.ID = "EFGH" }, false},
		{"a motion of another kind", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Kind = policy.ToDeclare }, false},
		{"another deputy", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.About = "lone@x.eu" }, false},
		{"for another person", func(_ *policy.Request, _ *policy.Motion, v *policy.Vote) { v.Behalf = "cto@x.eu" }, false},
		{"another passkey", func(_ *policy.Request, _ *policy.Motion, v *policy.Vote) { v.Key = "SHA256:other" }, false},
		{"no passkey", func(_ *policy.Request, m *policy.Motion, v *policy.Vote) { m.Key, v.Key = "", "" }, false},
		{"another target", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Scope.Targets = []string{"db2.prod"} }, false},
		{"the delegator's own request", func(q *policy.Request, _ *policy.Motion, _ *policy.Vote) { q.Who = ceo }, false},
		{"the deputy's own request", func(q *policy.Request, _ *policy.Motion, _ *policy.Vote) { q.Who.ID = "mate@x.eu" }, false},
		{"who asks was confirmed by the delegator", func(q *policy.Request, _ *policy.Motion, _ *policy.Vote) { q.Who.Vouched = ceo.ID }, false},
		{"the delegator is no executive", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.By.Kind = policy.Staff }, false},
		{"the stage is a customer's", func(q *policy.Request, _ *policy.Motion, _ *policy.Vote) {
			q.Stages[0].Kind, q.Stages[0].Customer = policy.ByCustomer, "nord"
		}, false},
		{"the stage is nobody's", func(q *policy.Request, _ *policy.Motion, _ *policy.Vote) { q.Stages[0].Kind = "" }, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			q, m, v := base()
			c.spoil(&q, &m, &v)
			trust := Trust{Delegation: func(policy.Vote) (*policy.Motion, error) { return &m, nil }}
			if err := trust.deputy(&q, q.Stages[0], v); (err == nil) != c.holds {
				t.Errorf("got %v", err)
			}
		})
	}
	q, _, v := base()
	if err := (Trust{}).deputy(&q, q.Stages[0], v); err == nil {
		t.Error("where nothing is known of delegations, a deputy counts")
	}
}

// TestWhenAMotionStandsForACustomer reads as the specification of a vote that nobody casts.
func TestWhenAMotionStandsForACustomer(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	ann := policy.Principal{ID: "ann@nord.x", Kind: policy.Reviewer, Customer: "nord", Admitted: true}
	for _, c := range []struct {
		rule  string
		spoil func(q *policy.Request, m *policy.Motion, v *policy.Vote)
		holds bool
	}{
		{"as it was signed", func(*policy.Request, *policy.Motion, *policy.Vote) {}, true},
		{"to be told is enough", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) {
			m.Kind, m.Notice, m.For = policy.ToSet, true, 0
		}, true},
		{"settings that ask for consent", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Kind = policy.ToSet }, false},
		{"a delegation", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Kind = policy.ToDelegate }, false},
		{"another motion", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.ID = "EFGH" }, false},
		{"another customer's", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Customer = "syd" }, false},
		{"for another customer's stage", func(q *policy.Request, _ *policy.Motion, _ *policy.Vote) { q.Stages[0].Customer = "syd" }, false},
		{"for the executives", func(q *policy.Request, _ *policy.Motion, _ *policy.Vote) { q.Stages[0].Kind = policy.ByExecutive }, false},
		{"ended", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Ended = at }, false},
		{"over", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.Until = at }, false},
		{"another reason", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) {
			m.Scope.Reasons = []policy.Reason{"planned"}
		}, false},
		{"longer than it gives", func(_ *policy.Request, m *policy.Motion, _ *policy.Vote) { m.For = time.Minute }, false},
		{"for no time", func(_ *policy.Request, _ *policy.Motion, v *policy.Vote) { v.For = 0 }, false},
		{"in a person's name", func(_ *policy.Request, _ *policy.Motion, v *policy.Vote) { v.By = ann }, false},
		{"by a deputy", func(_ *policy.Request, _ *policy.Motion, v *policy.Vote) { v.Behalf = ann.ID }, false},
		{"for a stage that is not there", func(_ *policy.Request, _ *policy.Motion, v *policy.Vote) { v.Stage = -1 }, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			q := policy.Request{ID: "7KQM", Need: policy.Need{Reason: "outage"}, Stages: []policy.Stage{{Kind: policy.ByCustomer, Customer: "nord", Count: 1, Of: 1, Expires: time.Hour}}}
			m := policy.Motion{
				ID: "ABCD", Kind: policy.ToInstruct, At: at.Add(-time.Hour), By: ann, Customer: "nord", For: time.Hour, Until: at.Add(time.Hour),
				Stage: policy.Stage{Kind: policy.ByCustomer, Customer: "nord", Count: 1, Of: 1, Expires: time.Hour},
				Votes: []policy.Vote{{By: ann, At: at.Add(-time.Hour), Verdict: policy.Yes, Terms: policy.Terms{For: time.Hour}}},
			}
			v := policy.Vote{By: instructed(&m), At: at, Verdict: policy.Yes, Standing: "ABCD", Terms: policy.Terms{For: time.Hour}}
			c.spoil(&q, &m, &v)
			trust := Trust{Stands: func(policy.Vote, *policy.Request) (*policy.Motion, error) { return &m, nil }}
			if err := trust.standing(&q, v); (err == nil) != c.holds {
				t.Errorf("got %v", err)
			}
		})
	}
}
