# client: Ansible, files by pipes
# does: ping, copy, template, command, a failing task
ANSIBLE_PIPELINING=False ANSIBLE_SSH_TRANSFER_METHOD=piped bash "$SCRIPTS/ansible.sh"
