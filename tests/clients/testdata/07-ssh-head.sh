# client: OpenSSH `ssh`
# does: `ssh target yes | head` ends
set +o pipefail
timeout 30 bash -c 'set +o pipefail; ssh target yes | head -n 3'
echo "status $?"
