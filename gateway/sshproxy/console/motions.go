package console

import (
	"context"

	"lockbox/approvals/charter"
	"lockbox/policy"
)

// A Motion is a motion as --json tells it.
type Motion struct {
	ID    string            `json:"id"`
	Kind  policy.MotionKind `json:"kind"`
	About string            `json:"about,omitempty"`
	Text  string            `json:"text,omitempty"`
	Phase policy.Phase      `json:"phase"`
	Holds bool              `json:"holds"`
	Yes   int               `json:"yes"`
	Of    int               `json:"of"` // signatures that it takes
	URL   string            `json:"url"`
}

// motions lists what the person may see of what is signed besides requests. To
// propose and to sign is for the pages: a yes takes a passkey.
func (c *console) motions(ctx context.Context, a args) (int, error) {
	law := c.Desk.Charter
	if len(a.rest) > 0 || law == nil {
		return 0, usage("%s", c.say.seeHelp)
	}
	all, err := law.List(ctx, c.by.Who)
	if err != nil {
		return 0, err
	}
	items := []Motion{}
	for _, v := range all {
		items = append(items, c.motion(v))
	}
	if c.json {
		return Done, c.object(items)
	}
	if len(items) == 0 {
		c.print("%s", c.say.noMotions)
	}
	for _, m := range items {
		c.print("%s  %s %s  %s %d/%d  %s", m.ID, m.Kind, m.About, m.Phase, m.Yes, m.Of, m.URL)
	}
	return Done, nil
}

func (c *console) motion(v charter.View) Motion {
	m := Motion{
		ID: v.Motion.ID, Kind: v.Motion.Kind, About: v.Motion.About, Text: v.Motion.Text, Phase: v.Status.Phase, Holds: v.Holds,
		Of: v.Motion.Stage.Count, URL: c.Portal + "/m/" + v.Motion.ID,
	}
	for _, st := range v.Status.Stages {
		m.Yes += len(st.Yes)
	}
	return m
}

// oppose says no to a motion. It needs no touch: a no makes nothing so.
func (c *console) oppose(ctx context.Context, a args) (int, error) {
	law := c.Desk.Charter
	code, why, err := a.code()
	if err != nil || law == nil {
		return 0, usage("%s", c.say.seeHelp)
	}
	v, err := law.Oppose(ctx, c.by.Who, code, why)
	if err != nil {
		return 0, err
	}
	if c.json {
		return Done, c.object(c.motion(v))
	}
	c.print(c.say.opposed, code)
	return Done, nil
}
