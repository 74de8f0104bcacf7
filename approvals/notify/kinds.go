package notify

import (
	"slices"
	"strings"
)

// An audience is whom an event is told to.
type audience int

const (
	nobody    audience = iota
	deciders           // those who may decide on a request now, once for each stage; and, where a stage is over, those who were asked
	climbers           // those whom a rung of an escalation reminds or adds
	asker              // who asked
	asked              // who asked, and all who were asked to decide
	minders            // those who said yes, and who asked
	skipped            // those who would have decided had the glass not been broken, who broke it and who let them, and the operators
	talkers            // those of one thread, but for who wrote
	signers            // those who may sign a motion
	movers             // who made a motion, who could sign it, and whom it is about
	oneself            // the one person whose it is
	operators          // those who run the gateway
	keepers            // operators and executives
	board              // executives
	customers          // the reviewers of every customer concerned, and the operators
)

// A part is how people hear of a kind of event.
type part struct {
	topic Topic
	whom  audience
}

// placed says how people hear of events of a kind; nothing for a kind that nobody
// thought of. A receiver of webhooks hears of all kinds.
func placed(kind string) (all []part) {
	for _, p := range parts() {
		if slices.Contains(strings.Fields(p.kinds), kind) {
			all = append(all, p.part)
		}
	}
	return all
}

type partKinds struct {
	part
	kinds string
}

func parts() []partKinds {
	return []partKinds{
		{part{Asked, asker}, "request.made"},
		{part{Waits, deciders}, "request.made vote.approve vote.reject vote.notice vote.standing"},
		{part{Waits, climbers}, "request.reminded request.escalated"},
		{part{Decided, asked}, "grant.made request.rejected request.expired request.withdrawn request.void"},
		{part{Said, talkers}, "request.remark"},
		{part{Session, minders}, "session.open session.close session.extended session.frozen session.frozen-by session.thawed session.ended-by"},
		{part{Ending, asker}, "session.open session.extended"},
		{part{Ended, minders}, "grant.ended grant.revoked"},
		{part{Motion, signers}, "motion.made"},
		{part{Motion, movers}, "motion.passed motion.rejected motion.expired motion.ended"},
		{part{Account, oneself}, "credential.added credential.counter-signed credential.retired credential.clone key.added key.removed " +
			"login.given login.void notify.changed person.recovering person.recovery-link person.enrolled person.vouched person.admitted " +
			"person.dismissed token.given token.made token.ended token.revoked slack.bound slack.unbound"},
		{part{Glass, skipped}, "glass.broken glass.ratified glass.refused glass.unratified"},
		{part{Glass, keepers}, "glass.codes-made glass.code-retired glass.wrong-code"},
		{part{Alarm, operators}, "notice.dead notice.unplanned notice.unreachable notice.nobody notice.reachable backup.failed witness.behind witness.back policy.refused session.unwitnessed"},
		{part{Alarm, keepers}, "policy.suspended ledger.restored credential.clone"},
		{part{Alarm, customers}, "target.leaves"},
		{part{Digest, customers}, "month.stated"},
		{part{Digest, board}, "digest.made"},
		{part{}, silent},
	}
}

// regroups says whether somebody may not be among those who decide any more
// after an event of a kind.
func regroups(kind string) bool {
	const kinds = "policy.activated policy.in-force motion.passed motion.ended person.admitted person.dismissed person.recovering person.stripped " +
		"credential.retired credential.clone"
	return slices.Contains(strings.Fields(kinds), kind)
}

// silent are the kinds that are told to programs alone: they happen often, or
// another event tells people what they come to.
const silent = "notify.tested channel.refused file.change file.get file.put files.more grant.accepted log.head log.heartbeat motion.shown motion.sign " +
	"motion.oppose motion.used motion.answered person.invited person.erased person.to-erase person.stripped policy.activated policy.in-force " +
	"policy.offered policy.read policy.dropped request.pending session.progress session.signed-in session.signed-out session.seen session.looked-at " +
	"session.watched session.unwatched session.remarked session.reviewed statement.shown statement.lapsed statement.answered touch.asked " +
	"touch.given touch.shown touch.wrong-number touch.void recording.to-erase recording.keep recording.held recording.released recording.erased " +
	"recordings.tried login.shown login.wrong-number login.ended login.forgotten requests.looked-at founded backup.made token.lapsed glass.code-used"
