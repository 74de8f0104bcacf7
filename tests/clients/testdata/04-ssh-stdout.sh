# client: OpenSSH `ssh`
# does: much output, compressed by SSH and not
run="head -c $((MIB << 20)) /dev/zero | openssl enc -aes-128-ctr -nosalt -pass pass:down -pbkdf2 -iter 1"
ssh target "$run; exit 3" >out || echo "status $?"
sha256sum <out
ssh -C target "head -c $((MIB << 20)) /dev/zero" | sha256sum
