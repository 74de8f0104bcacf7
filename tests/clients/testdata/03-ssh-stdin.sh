# client: OpenSSH `ssh`
# does: random bytes through standard input, and back
noise in $((MIB << 20)) up
sha256sum <in
ssh target sha256sum <in
ssh target cat <in | sha256sum
