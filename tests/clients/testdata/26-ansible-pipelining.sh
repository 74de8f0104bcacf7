# client: Ansible, pipelining on
# does: ping, copy, template, command, a failing task
ANSIBLE_PIPELINING=True ANSIBLE_SSH_TRANSFER_METHOD=smart bash "$SCRIPTS/ansible.sh"
