# client: rsync `--partial`
# does: a big file, broken off and taken up again
noise big 12000000 partial
background rsync --partial --inplace --bwlimit=1M big "target:$THERE/big"
awaits test -s "$THERE/big"
stop
[ "$(stat -c %s "$THERE/big")" -lt 12000000 ] && echo "it is not whole"
rsync --partial --append-verify big "target:$THERE/big"
sha256sum big - <"$THERE/big" | cut -c 1-64
