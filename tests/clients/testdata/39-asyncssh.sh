# client: asyncssh
# does: thirty commands at a time, both streams, statuses, a signal; sftp; scp; a forward
/usr/bin/python3 -W ignore "$SCRIPTS/asyncssh_client.py"
tree "$THERE"
