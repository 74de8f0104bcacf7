# client: lftp
# does: `mirror` up and down over sftp
. "$SCRIPTS/files.sh"
make_folder folder
chmod 644 folder/big folder/sub/small
lftp -c "set sftp:connect-program 'ssh -a -x -F $CONFIG'; set sftp:auto-confirm no; set net:max-retries 2; open -u '$LOGIN',x sftp://target; mirror -R $HERE/folder $THERE/up; mirror $THERE/up $HERE/down; mv $THERE/up/big $THERE/up/moved; mkdir $THERE/made"
tree "$THERE"
tree down
