# client: OpenSSH `RekeyLimit=64K`, `ServerAliveInterval=1`
# does: new keys every 64 KiB, both directions; a long silence
noise in 2000000 rekey
ssh -o RekeyLimit=64K -o KexAlgorithms=curve25519-sha256 target cat <in | sha256sum
ssh -o ServerAliveInterval=1 -o ServerAliveCountMax=2 target 'sleep 4; echo alive'
