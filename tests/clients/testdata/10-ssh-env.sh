# client: OpenSSH `ssh`
# does: `SendEnv` and `SetEnv` of language and time; what sshd does not take is not set
LC_TIME=da_DK.UTF-8 LANG=da_DK.UTF-8 ssh -o SendEnv='LANG LC_*' -o SetEnv='LC_MONETARY=de_DE.UTF-8 FOO=bar' target 'env | grep -E "^(LANG|LC_|FOO)" | sort'
