# client: OpenSSH `scp`
# does: a file and a folder up and down, `-p`, `-r`; a file that is not there
. "$SCRIPTS/files.sh"
make_folder folder
scp  folder/big "target:$THERE/one"
scp  -rp folder "target:$THERE/all"
tree "$THERE"
times "$THERE/all"
scp  "target:$THERE/one" one
scp  -rp "target:$THERE/all" back
tree back
times back
says scp  "target:$THERE/none" none
says scp  folder/big "target:$THERE/no/such/folder"
