# client: paramiko
# does: commands, both streams, status; sftp; a forward; a shell in a terminal
/usr/bin/python3 -W ignore "$SCRIPTS/paramiko_client.py"
tree "$THERE"
