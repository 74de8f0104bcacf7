# client: Ansible, files by sftp
# does: ping, copy, template, command, a failing task
ANSIBLE_PIPELINING=False ANSIBLE_SSH_TRANSFER_METHOD=sftp bash "$SCRIPTS/ansible.sh"
