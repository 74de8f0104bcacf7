# client: OpenSSH `ssh`
# does: standard output and standard error at a time
ssh target 'for i in $(seq 3000); do echo "out $i"; echo "err $i" >&2; done; exit 9' >out 2>err || echo "status $?"
sha256sum out err
ssh target 'echo only err >&2' 2>&1 >/dev/null
