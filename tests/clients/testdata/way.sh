# What every scenario has: its programs, told which way to go. The target is
# called "target"; $HERE is this side's folder, $THERE one on the target.
export GIT_SSH_COMMAND="ssh -F $CONFIG" RSYNC_RSH="ssh -F $CONFIG" GIT_CONFIG_GLOBAL=$HERE/.gitconfig
ssh() { command ssh -F "$CONFIG" "$@"; }
scp() { command scp -q -F "$CONFIG" "$@"; }
sftp() { command sftp -q -F "$CONFIG" "$@"; }

# PuTTY's programs, with the host key by its fingerprint.
putty() {
	local program=$1
	shift
	command "$program" -batch ${PROXY:+-proxycmd "$PROXY"} -P "$PORT" -l "$LOGIN" -i "$PPK" -hostkey "$HOSTKEY" "$@"
}

# dropbear's client. Its own -J asks for the key of the first host on a terminal; -J with a command is its ProxyCommand.
dbclient() {
	mkdir -p "$HOME/.ssh" && tail -n 1 "$KNOWN" | sed -E 's/^\[([^]]*)\]:[0-9]+/\1/' >"$HOME/.ssh/known_hosts"
	command dbclient ${PROXY:+-J "$PROXY"} -p "$PORT" -l "$LOGIN" -i "$DROPBEAR" "$@"
}

# says runs something and says its status.
says() {
	local status=0
	"$@" || status=$?
	echo "status $status"
}

# tree lists a folder: names, kinds, modes, sizes, hashes.
tree() {
	(
		cd "$1"
		find . -mindepth 1 ! -type d -printf '%y %m %s %p %l\n' -o -mindepth 1 -printf '%y %m - %p\n' | LC_ALL=C sort -k 4
		find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
	)
}

# noise FILE BYTES SEED writes what cannot be compressed and is the same each time.
noise() { head -c "$2" /dev/zero | openssl enc -aes-128-ctr -nosalt -pass "pass:$3" -pbkdf2 -iter 1 >"$1"; }

# awaits waits ten seconds at most for a command to be true.
awaits() {
	local tries
	for tries in {1..100}; do
		"$@" 2>/dev/null && return
		sleep 0.1
	done
	echo "this did not come true: $*" >&2
	cat "$HERE/background" >&2
	return 1
}

set -euo pipefail
umask 022

# background starts a program with all that it starts, and stop ends it.
background() {
	set -m
	"$@" 2>"$HERE/background" &
	set +m
}
stop() {
	kill -- "-$!"
	wait "$!" 2>/dev/null || true
}
