# client: OpenSSH `scp -3`
# does: from the target to the target, through this side
noise "$THERE/a" 1000000 between
scp -3 "target:$THERE/a" "target:$THERE/b"
scp -3 -O "target:$THERE/b" "target:$THERE/c"
tree "$THERE"
