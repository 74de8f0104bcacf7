# client: OpenSSH `ssh`
# does: a command; its exit status, from 0 to 255
ssh -MNf -S "$HERE/m" target
for i in 0 1 2 63 64 77 126 127 128 130 137 143 200 254 255; do
	says ssh -S "$HERE/m" target "exit $i"
done
ssh -S "$HERE/m" -O exit target 2>/dev/null
