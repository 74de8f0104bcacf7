// Package slack tells people in Slack what waits for them, and hears what they
// say there: a no, a question, a request, a withdrawal. It never hears a yes:
// approving takes a passkey at the portal. It believes Slack only that a user of
// the workspace did something; who that is, their passkey said before, and what
// they may do is decided anew each time.
package slack
