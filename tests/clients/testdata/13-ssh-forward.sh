# client: OpenSSH `ssh -N -L`, curl
# does: a page through a forward, forty at a time, and an address where nobody answers
background ssh -N -L "$HERE/s:$WEB" -o ExitOnForwardFailure=yes target
awaits test -S s
curl -s --unix-socket s http://x/one | sha256sum
seq 40 | xargs -P 40 -I N curl -s --unix-socket s -o outN http://x/N
tree . | grep out | sha256sum
stop
ssh -W "$WEB" target < <(printf 'GET /w HTTP/1.0\r\n\r\n'; sleep 1) | tail -c 3
