// Package slack is a Slack for tests: the parts of its Web API that an app here
// may call, strict about every argument and limit; Socket Mode; signed clicks over
// HTTP; and what goes wrong with all of them.
package slack
