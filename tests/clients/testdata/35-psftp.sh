# client: PuTTY `psftp`
# does: a batch: folders up and down, rename, mode, listing, removal
. "$SCRIPTS/files.sh"
make_folder folder
cat >batch <<END
cd $THERE
put -r folder
get -r folder back
get folder/big got
mv folder/big folder/moved
chmod 600 folder/moved
mkdir made
rm folder/sub/small
quit
END
putty psftp -b batch "$HOST" >log 2>err
grep -v "^Using username" err || true
grep -c '=>' log
tree "$THERE"
tree back
sha256sum got
