# client: OpenSSH `ssh`
# does: end of input before the output (`tac`), output after the end of input, no input at all
seq 5 | ssh target tac
echo in | ssh target 'cat; sleep 0.3; echo after; exit 4' || echo "status $?"
ssh -n target 'cat; echo nothing came'
ssh target 'exec 1>&- 2>&-; cat; sleep 0.5; exit 5' </dev/null || echo "status $?"
