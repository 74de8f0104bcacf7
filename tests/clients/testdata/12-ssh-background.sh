# client: OpenSSH `ssh`
# does: a command that leaves something running, and one that holds its output open
ssh target "nohup sh -c 'sleep 0.5; echo late >$THERE/late' >/dev/null 2>&1 & echo at once; exit 2" || echo "status $?"
awaits test -s "$THERE/late"
cat "$THERE/late"
ssh target '(sleep 0.7; echo held) & exit 3' || echo "status $?"
