# client: OpenSSH `scp -O`
# does: a file and a folder up and down, `-p`, `-r`; a file that is not there
. "$SCRIPTS/files.sh"
make_folder folder
scp -O folder/big "target:$THERE/one"
scp -O -rp folder "target:$THERE/all"
tree "$THERE"
times "$THERE/all"
scp -O "target:$THERE/one" one
scp -O -rp "target:$THERE/all" back
tree back
times back
says scp -O "target:$THERE/none" none
says scp -O folder/big "target:$THERE/no/such/folder"
