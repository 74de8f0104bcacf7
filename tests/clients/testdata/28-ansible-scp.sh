# client: Ansible, files by scp
# does: ping, copy, template, command, a failing task
ANSIBLE_PIPELINING=False ANSIBLE_SSH_TRANSFER_METHOD=scp bash "$SCRIPTS/ansible.sh"
