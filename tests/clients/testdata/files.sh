# A folder with what file transfers must not lose.
make_folder() {
	mkdir -p "$1/sub/deep" "$1/empty"
	noise "$1/big" 3000001 big
	noise "$1/sub/small" 10 small
	: >"$1/sub/deep/nothing"
	printf 'x' >"$1/sub/with space é"
	chmod 755 "$1/big"
	chmod 640 "$1/sub/small"
	chmod 750 "$1/sub/deep"
	find "$1" -type f -exec touch -d '2020-02-29 12:34:56 UTC' {} +
}

# times lists what -p must keep.
times() { (cd "$1" && find . -type f -printf '%p %TY-%Tm-%Td %.8TX\n' | LC_ALL=C sort); }
