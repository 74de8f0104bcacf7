# client: PuTTY `pscp -scp`
# does: a file and a folder up and down
. "$SCRIPTS/files.sh"
make_folder folder
chmod 644 folder/big folder/sub/small
putty pscp -q -scp folder/big "$HOST:$THERE/one"
mkdir "$THERE/all"
putty pscp -q -scp -r folder "$HOST:$THERE/all"
putty pscp -q -scp -r "$HOST:$THERE/all" back
tree "$THERE"
tree back
says putty pscp -q -scp "$HOST:$THERE/none" none
