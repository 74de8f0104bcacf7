# A playbook.
export ANSIBLE_HOST_KEY_CHECKING=True ANSIBLE_NOCOLOR=1 ANSIBLE_HOME=$HERE/.ansible ANSIBLE_LOCAL_TEMP=$HERE/tmp ANSIBLE_REMOTE_TEMP=$THERE/tmp
export ANSIBLE_SSH_CONTROL_PATH_DIR=$HERE/cp ANSIBLE_SSH_ARGS="-F $CONFIG -o ControlMaster=auto -o ControlPersist=10" ANSIBLE_DEPRECATION_WARNINGS=False
export ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 ANSIBLE_RETRY_FILES_ENABLED=False
noise file 500000 ansible
echo 'hello {{ name }}' >template.j2
cat >play.yml <<END
- hosts: all
  gather_facts: false
  vars: { name: world }
  tasks:
    - ping:
    - copy: { src: file, dest: $THERE/file, mode: "0640" }
    - template: { src: template.j2, dest: $THERE/text }
    - command: "sh -c 'echo out; echo err >&2'"
    - command: "false"
      ignore_errors: true
END
ansible-playbook -v -i target, play.yml 2>&1 | grep -v '^Using .* as config file' | sed -E 's/"(delta|start|end|src)": "[^"]*"(, )?//g'
rm -rf "$THERE/tmp"
tree "$THERE"
