# client: OpenSSH `ControlMaster`
# does: eight sessions, `scp` and `sftp` at a time over one connection
ssh -MNf -S "$HERE/m" target
noise file 3000000 master
for i in {1..8}; do
	{ ssh -S "$HERE/m" target "cat; echo $i; exit $i" <file >"out$i" || echo "$?" >>"out$i"; } &
done
scp -o ControlPath="$HERE/m" file "target:$THERE/up" &
sftp -o ControlPath="$HERE/m" -b - target >/dev/null <<<"put file $THERE/sftp" &
wait
cat out? | sha256sum
tree "$THERE"
ssh -S "$HERE/m" -O exit target 2>/dev/null
