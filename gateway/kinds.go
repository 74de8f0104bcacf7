package gateway

import (
	"slices"
	"strings"
)

// A reach is whom an event may take something away from, of the visits under way.
type reach int

const (
	someone   reach = iota // those whose session, grant or extension it names; every kind that is not listed
	everybody              // what they rest on has to be proven again
	itself                 // the one session that it names
	nobody
)

// reaches says whom an event has asked about again. A kind that is not known here
// wakes all whom it names: only those are listed that provably take nothing away.
func reaches(kind string) reach {
	switch kind {
	case "motion.made", "motion.shown", "motion.used":
		// Anybody can make such events as fast as they like, and each would have every visit proven again.
		return someone
	case "key.removed", "credential.clone", "credential.retired", "login.ended":
		return everybody
	case "session.open", "session.close", "session.progress":
		return nobody // its own, who knows, or is gone; to others they are as itsOwn
	}
	switch {
	case strings.HasPrefix(kind, "file"): // as session.progress
		return nobody
	case strings.HasPrefix(kind, "policy."), strings.HasPrefix(kind, "motion."):
		return everybody
	case slices.Contains(itsOwn(), kind):
		return itself
	}
	return someone
}

// itsOwn are the kinds of events that tell what became of one session, or of its
// recording, or that somebody touched a passkey. They name the grant too, for
// those who read the log, and leave it and all that it rests on as they were.
// With a session.open goes the grant's first use, which every other session under
// it had before, and how many there were, on which nothing rests.
func itsOwn() []string {
	return []string{
		"session.extended", "session.frozen", "session.unwitnessed",
		evFrozen, evThawed, evEnded, "session.watched", "session.unwatched",
		"session.looked-at", "session.remarked", "session.reviewed",
		"recording.keep", "recording.held", "recording.released", "recording.erased", "recording.to-erase",
		"touch.asked", "touch.shown", "touch.given", "touch.wrong-number", "touch.void",
	}
}
