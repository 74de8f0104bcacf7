# client: OpenSSH `ssh`
# does: a command that a signal ends
for signal in TERM KILL SEGV HUP INT USR1; do
	says ssh target "echo before; kill -$signal \$\$"
done
