package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"lockbox/tests/bench/figures"
	"lockbox/tests/door"
)

// The ways to the application.
const (
	direct = figures.Direct
	gate   = figures.Gateway
	bare   = "ReverseProxy"
	tuned  = "tuned ReverseProxy"
	nginx  = "nginx"
	caddy  = "caddy"
	oauth2 = "oauth2-proxy"
)

// A way leads to the application over TLS 1.3.
type way struct {
	name, addr, host, cookie string
	pid                      int
}

func (b *bench) way(name string) (w way) {
	for _, one := range b.ways {
		if one.name == name {
			w = one
		}
	}
	return w
}

// peerEnv of a process that is a server of the bench: a peer as JSON.
const peerEnv = "LOCKBOX_BENCH_PEER"

type peer struct {
	Addr, Target, Cert, Key string // Target "": it is the application
	Tuned                   bool   // a ReverseProxy with buffers, and connections that stay
}

// servePeer makes this process the application, or a ReverseProxy before it.
func servePeer() {
	text := os.Getenv(peerEnv)
	if text == "" {
		return
	}
	var p peer
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		log.Fatal(err)
	}
	h := http.Handler(http.HandlerFunc(application))
	if p.Target != "" {
		to := &url.URL{Scheme: "http", Host: p.Target}
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.SetXForwarded() }}
		if p.Tuned {
			proxy.BufferPool = &pool{}
			proxy.Transport = &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true}
		}
		h = proxy
	}
	s := &http.Server{Addr: p.Addr, Handler: h, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13}}
	if p.Cert == "" {
		log.Fatal(s.ListenAndServe())
	}
	log.Fatal(s.ListenAndServeTLS(p.Cert, p.Key))
}

// A pool lends buffers.
type pool struct{ sync.Pool }

func (p *pool) Get() []byte {
	if b, ok := p.Pool.Get().(*[32 << 10]byte); ok {
		return b[:]
	}
	return make([]byte, 32<<10)
}

func (p *pool) Put(b []byte) { p.Pool.Put((*[32 << 10]byte)(b)) }

// application answers 1 KiB, or keeps a WebSocket.
func application(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(make([]byte, 1<<10)) // whoever asked is gone
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	_, _, _ = c.Read(r.Context()) // until it ends
	_ = c.CloseNow()
}

// start starts every server, and waits until each answers.
func (b *bench) start(ctx context.Context) error {
	cert, key := b.file("cert.pem"), b.file("key.pem")
	if err := certify(cert, key); err != nil {
		return err
	}
	app, front := free(), free()
	var err error
	if b.app, err = b.peer(ctx, peer{Addr: app}); err != nil {
		return err
	}
	pid, err := b.peer(ctx, peer{Addr: front, Cert: cert, Key: key})
	if err != nil {
		return err
	}
	b.ways = append(b.ways, way{name: direct, addr: front, pid: pid})
	if err := b.gateway(app); err != nil {
		return err
	}
	for _, name := range []string{bare, tuned} {
		w := way{name: name, addr: free()}
		if w.pid, err = b.peer(ctx, peer{Addr: w.addr, Target: app, Cert: cert, Key: key, Tuned: name == tuned}); err != nil {
			return err
		}
		b.ways = append(b.ways, w)
	}
	b.others(ctx, app, cert, key)
	for _, w := range b.ways {
		if err := w.answers(); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// gateway starts it, with sessions enough for the WebSockets.
func (b *bench) gateway(app string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	if cmd.Stderr, err = os.Create(b.file("gateway.log")); err != nil {
		return err
	}
	if b.gate, b.hello, err = door.StartWeb(cmd, door.WebConfig{Dir: b.dir, Target: app, Sessions: max(1, (b.sockets+199)/200)}); err != nil {
		return err
	}
	b.ways = append(b.ways, way{gate, b.hello.Addr, b.hello.Host, b.hello.Cookies[0], b.gate.Pid})
	return nil
}

// others are started where they are installed.
func (b *bench) others(ctx context.Context, app, cert, key string) {
	at := free()
	b.other(ctx, nginx, at, "nginx.conf", fmt.Sprintf(`daemon off; worker_processes auto; pid %[1]s/nginx.pid; error_log %[1]s/nginx.log;
events { worker_connections 8192; }
http { access_log %[1]s/access.log; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
 keepalive_requests 100000000;
 upstream app { server %[2]s; keepalive 256; }
 server { listen %[3]s ssl http2; ssl_protocols TLSv1.3; ssl_certificate %[4]s; ssl_certificate_key %[5]s;
  location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
`, b.dir, app, at, cert, key), "nginx", "-e", b.file("nginx.log"), "-c", b.file("nginx.conf"))
	at = free()
	_, port, _ := net.SplitHostPort(at) // free wrote it
	b.other(ctx, caddy, at, "Caddyfile", fmt.Sprintf("{\n admin off\n auto_https disable_redirects\n default_sni localhost\n}\nhttps://localhost:%s, https://127.0.0.1:%s {\n tls %s %s {\n  protocols tls1.3\n }\n log {\n  output file %s/caddy.log\n }\n reverse_proxy %s\n}\n",
		port, port, cert, key, b.dir, app), "caddy", "run", "--adapter", "caddyfile", "--config", b.file("Caddyfile"))
	at = free()
	b.other(ctx, oauth2, at, "oauth2.cfg", fmt.Sprintf("https_address = %q\nhttp_address = \"\"\ntls_cert_file = %q\ntls_key_file = %q\nupstreams = [\"http://%s/\"]\nemail_domains = [\"*\"]\n"+
		"cookie_secret = \"0123456789abcdef0123456789abcdef\"\nclient_id = \"x\"\nclient_secret = \"x\"\nprovider = \"github\"\nhtpasswd_file = %q\n", at, cert, key, app, b.passwords()),
		"oauth2-proxy", "--config", b.file("oauth2.cfg"))
}

func (b *bench) other(ctx context.Context, name, at, file, text string, command ...string) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		b.missing = append(b.missing, name)
		return
	}
	cmd := exec.CommandContext(ctx, path, command[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+b.dir)
	out, err := os.Create(b.file(name + ".out"))
	if err == nil {
		cmd.Stdout, cmd.Stderr = out, out
		err = os.WriteFile(b.file(file), []byte(text), 0o600)
	}
	w := way{name: name, addr: at}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // nginx ends its workers then
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		w.pid = cmd.Process.Pid
		b.ended.Go(func() { _ = cmd.Wait() }) // it was told to
		err = w.enter()
	}
	if err != nil {
		said, _ := os.ReadFile(b.file(name + ".out")) // it may have said nothing
		b.missing = append(b.missing, fmt.Sprintf("%s (%v: %.300s)", name, err, said))
		return
	}
	b.ways = append(b.ways, w)
}

func (b *bench) peer(ctx context.Context, p peer) (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), peerEnv+"="+string(text))
	if cmd.Stderr, err = os.Create(b.file(fmt.Sprintf("peer%s.log", p.Addr))); err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	b.ended.Go(func() { _ = cmd.Wait() }) // it was told to
	return cmd.Process.Pid, nil
}

// answers waits until the way does.
func (w way) answers() error {
	end := time.Now().Add(10 * time.Second)
	for {
		err := w.once()
		if err == nil || time.Now().After(end) {
			return err
		}
		<-time.After(50 * time.Millisecond)
	}
}

// free is an address that nobody listens on now.
func free() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = l.Close() }() // for whoever takes it
	return l.Addr().String()
}

func certify(cert, key string) error {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		return err
	}
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	text, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return err
	}
	return os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600)
}
