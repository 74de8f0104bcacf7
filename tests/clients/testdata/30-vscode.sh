# client: VS Code Remote (imitated)
# does: its bootstrap script on standard input of `bash`, a server that goes on, many requests through `-D`
cat >bootstrap <<END
echo "2f81a71b: running"
mkdir -p $THERE/.vscode-server/bin && cd $THERE/.vscode-server
cat >bin/server <<'PROGRAM'
import http.server, os
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (self.path * 1000).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SERVER_PORT"])), H).serve_forever()
PROGRAM
uname -s; echo "listeningOn==web=="
echo "2f81a71b: end"
END
ssh -v -T -D "$HERE/socks" -o ConnectTimeout=15 target bash <bootstrap 2>log
grep -c 'Exit status 0' log
background ssh -T -D "$HERE/socks2" target 'echo pid; exec sh -c "while sleep 1; do echo still here; done"' >server
awaits test -S socks2
awaits grep -q still server
seq 30 | xargs -P 10 -I N curl -s --socks5-hostname "localhost$HERE/socks2" "http://$WEB/N" -o pageN
cat page* | sha256sum
stop
tree "$THERE" | cut -d ' ' -f 1-4
