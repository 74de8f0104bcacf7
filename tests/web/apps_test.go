package web

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockbox/gateway/httpproxy"
	"lockbox/policy"
	"lockbox/tests/door"
	"lockbox/tests/e2e/harness"
)

// visit has somebody in a real browser in front of a page of a real application, with a session there.
func visit(t *testing.T, address, path string) (*door.Web, *harness.Person) {
	t.Helper()
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the portal")) }))
	t.Cleanup(portal.Close)
	w := door.NewPlainWeb(t, address, func(_ *policy.Policy, d *httpproxy.Door) { d.Portal = portal.URL })
	w.Grant(t, w.Eng, policy.HTTPPut)
	_, session := w.SignIn(t, w.Eng)
	p := harness.StartBrowser(t).Person("Eng")
	p.Goto(w.URL(path))
	_, id, ok := strings.Cut(p.URL(), "/h/")
	if !ok {
		t.Fatalf("without a session the browser is at %s", p.URL())
	}
	p.Goto(w.Admit(t, w.Eng, id, session))
	p.WaitURL(w.URL(path))
	return w, p
}

// run starts an application, and waits until it listens.
func run(t *testing.T, dir, address string, command ...string) {
	t.Helper()
	path, err := exec.LookPath(command[0])
	if err != nil {
		t.Fatalf("%s is missing: run make test, which installs it", command[0])
	}
	cmd := exec.Command(path, command[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	harness.Start(t, cmd)
	end := time.Now().Add(30 * time.Second)
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not listen: %v", command[0], err)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func free(t *testing.T) (address, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err = net.SplitHostPort(l.Addr().String())
	must(t, err)
	must(t, l.Close())
	return "127.0.0.1:" + port, port
}

// soon waits until something holds.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is not so that %s", what)
		}
	}
}

// A terminal of Jupyter, over its WebSocket.
func TestJupyterTerminal(t *testing.T) {
	dir := t.TempDir()
	address, port := free(t)
	run(t, dir, address, "jupyter-notebook", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port="+port, "--port-retries=0", "--notebook-dir="+dir,
		"--NotebookApp.token=", "--NotebookApp.password=", "--NotebookApp.allow_remote_access=True")
	w, p := visit(t, address, "/tree")
	p.Goto(w.URL("/terminals/new"))
	p.WaitURL("/terminals/1")
	// The script of Debian's package fails ("exports is not defined"), without the door too; so its WebSocket is spoken to here.
	p.Eval(`window.heard = ""; window.line = new WebSocket(location.origin.replace("http", "ws") + "/terminals/websocket/1");
		line.onmessage = (e) => { heard += e.data }; ""`)
	soon(t, "the terminal is connected", func() bool { return strings.Contains(p.Eval(`heard`), `"setup"`) })
	p.Eval(`line.send(JSON.stringify(["stdin", "echo $((6*7)) > answer\r"])); ""`)
	soon(t, "the shell wrote its answer", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "answer"))
		return err == nil && string(b) == "42\n"
	})
	w.Gateway.Close("the test ends it")
	soon(t, "the terminal is cut", func() bool { return p.Eval(`String(line.readyState)`) == "3" })
}

// A page that esbuild serves is told by server-sent events that its source changed.
func TestESBuildTellsOfChanges(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "app.js"), []byte(`document.title = "first"; new EventSource("/esbuild").addEventListener("change", () => location.reload())`), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "index.html"), []byte(`<!doctype html><title>none</title><script src="out.js"></script>`), 0o600))
	address, _ := free(t)
	run(t, dir, address, "esbuild", "app.js", "--bundle", "--outfile=out.js", "--watch=forever", "--serve="+address, "--servedir=.")
	_, p := visit(t, address, "/")
	soon(t, "the page is built", func() bool { return p.Title() == "first" })
	text, err := os.ReadFile(filepath.Join(dir, "app.js"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "app.js"), []byte(strings.Replace(string(text), "first", "second", 1)), 0o600))
	soon(t, "the page heard of the change", func() bool { return p.Title() == "second" })
}

// Files of 64 MiB go up to nginx and come down, whole and in part.
func TestNginxTakesAndGivesLargeFiles(t *testing.T) {
	dir := t.TempDir()
	address, _ := free(t)
	must(t, os.MkdirAll(filepath.Join(dir, "files"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "files", "index.html"), []byte(`<!doctype html><title>ready</title>`), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, `daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/log;
events {}
http { access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
 types { text/html html; } client_max_body_size 0;
 server { listen %[2]s; root %[1]s/files; location / { dav_methods PUT DELETE; } } }
`, dir, address), 0o600))
	run(t, dir, address, "nginx", "-e", filepath.Join(dir, "log"), "-c", filepath.Join(dir, "nginx.conf"))
	_, p := visit(t, address, "/")
	p.Eval(`(async () => {
		const part = new Uint8Array(1 << 20).map((_, i) => i % 251), sent = new Blob(Array(64).fill(part));
		const digest = async (b) => Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", b))).join();
		const put = await fetch("/large.bin", {method: "PUT", body: sent});
		const back = await (await fetch("/large.bin")).arrayBuffer();
		const some = await fetch("/large.bin", {headers: {Range: "bytes=1048576-1048579"}});
		const same = await digest(back) == await digest(await sent.arrayBuffer());
		document.title = [put.status, back.byteLength, same, some.status, Array.from(new Uint8Array(await some.arrayBuffer()))].join(" ");
	})().catch((e) => { document.title = "failed: " + e }); ""`)
	soon(t, "the files went both ways", func() bool { return p.Title() != "ready" })
	if got, want := p.Title(), "201 67108864 true 206 0,1,2,3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
