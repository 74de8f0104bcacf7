# client: OpenSSH `ssh -D`, curl
# does: a page through a SOCKS proxy
background ssh -N -D "$HERE/s" target
awaits test -S s
curl -s --socks5-hostname "localhost$HERE/s" "http://$WEB/one" | sha256sum
stop
