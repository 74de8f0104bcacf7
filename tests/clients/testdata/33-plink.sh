# client: PuTTY `plink`
# does: a command, its status, both streams, 5 MB there and back, no input
says putty plink "$HOST" 'echo out; echo err >&2; exit 7'
noise in 5000000 plink
putty plink "$HOST" cat <in | sha256sum
seq 5 | putty plink "$HOST" tac
says putty plink "$HOST" 'exit 200' </dev/null
