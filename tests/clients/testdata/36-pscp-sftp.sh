# client: PuTTY `pscp -sftp`
# does: a file and a folder up and down
. "$SCRIPTS/files.sh"
make_folder folder
chmod 644 folder/big folder/sub/small
putty pscp -q -sftp folder/big "$HOST:$THERE/one"
mkdir "$THERE/all"
putty pscp -q -sftp -r folder "$HOST:$THERE/all"
putty pscp -q -sftp -r "$HOST:$THERE/all" back
tree "$THERE"
tree back
says putty pscp -q -sftp "$HOST:$THERE/none" none
