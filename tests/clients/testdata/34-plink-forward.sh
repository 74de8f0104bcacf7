# client: PuTTY `plink -N -L`, curl
# does: a page through a forward
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
background putty plink -N -L "127.0.0.1:$port:$WEB" "$HOST"
awaits curl -s -o page "http://127.0.0.1:$port/putty"
sha256sum page
stop
