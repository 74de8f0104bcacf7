package harness_test

import (
	"bytes"
	"image/png"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"lockbox/tests/e2e/harness"
)

// passkeyPage registers and asserts with the browser's own functions, under the policy that our pages have.
const passkeyPage = `<!doctype html><title>new</title><meta name=viewport content="width=device-width">
<style>body{background:#fff}@media (prefers-color-scheme:dark){body{background:#000}}</style>
<form action="/after"><input id=name name=name><button type=button id=make>Make a passkey</button>
<button type=button id=use>Use it</button><button>Go on</button></form><p id=out></p><script src=/page.js></script>`

const passkeyScript = `
const out = document.getElementById("out"), bytes = (n) => new Uint8Array(n).fill(n);
const say = async (promise) => { try { out.textContent = "ok " + (await promise).id } catch (e) { out.textContent = e.name } };
document.getElementById("make").onclick = () => say(navigator.credentials.create({ publicKey: {
  challenge: bytes(32), rp: { id: "localhost", name: "test" }, pubKeyCredParams: [{ type: "public-key", alg: -7 }],
  user: { id: bytes(16), name: document.getElementById("name").value, displayName: "" }, timeout: 3000,
  authenticatorSelection: { residentKey: "required", userVerification: "required" } } }));
document.getElementById("use").onclick = () => say(navigator.credentials.get({ publicKey: {
  challenge: bytes(31), rpId: "localhost", userVerification: "required", timeout: 3000 } }));`

func passkeySite(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	page := func(path, kind, body string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; form-action 'self'")
			_, _ = w.Write([]byte(body))
		})
	}
	page("/{$}", "text/html", passkeyPage)
	page("/page.js", "text/javascript", passkeyScript)
	page("/after", "text/html", "<title>after</title><p>You went on.")
	page("/bad", "text/html", "<title>bad</title><script>document.title='ran'</script>")
	page("/favicon.ico", "image/x-icon", "")
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

func TestEachPersonHasTheirOwnPasskeys(t *testing.T) {
	site, browser := passkeySite(t), harness.StartBrowser(t)
	ann, bob := browser.Person("ann"), browser.Person("bob")
	if got := ann.Goto(site); got != http.StatusOK {
		t.Fatalf("got status %d, want 200", got)
	}
	ann.Type("#name", "ann@example.eu")
	ann.Click("#make")
	ann.WaitText("ok ")
	made := ann.Text()
	ann.Press("Use it")
	ann.WaitText("ok ")
	if got := ann.Text(); got != made {
		t.Errorf("asserted with %q, registered %q", got, made)
	}

	bob.Goto(site)
	bob.Press("Use it")
	bob.WaitText("NotAllowedError")
	if a, b := ann.Passkeys(), bob.Passkeys(); a != 1 || b != 0 {
		t.Errorf("ann has %d passkeys, bob %d; want 1 and 0", a, b)
	}

	ann.Verifies(false)
	ann.Press("Use it")
	ann.WaitText("NotAllowedError")
	ann.Press("Go on")
	ann.WaitText("You went on.")
	ann.WaitURL("/after?name=ann")
	if got := ann.Title(); got != "after" {
		t.Errorf("got title %q, want after", got)
	}
	if got := ann.Complaints(); len(got) != 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

func TestABlockedScriptIsAComplaint(t *testing.T) {
	site, ann := passkeySite(t), harness.StartBrowser(t).Person("ann")
	ann.Goto(site + "/bad")
	ann.WaitComplaint("Content Security Policy")
	if got := ann.Title(); got != "bad" {
		t.Errorf("the script ran: title %q", got)
	}
	if got := ann.Goto(site + "/none"); got != http.StatusNotFound {
		t.Errorf("got status %d, want 404", got)
	}
}

func TestScreenshotsDifferInLightAndDark(t *testing.T) {
	site, ann := passkeySite(t), harness.StartBrowser(t).Person("ann")
	ann.Goto(site)
	var corner []uint32
	for _, dark := range []bool{false, true} {
		img, err := png.Decode(bytes.NewReader(ann.Screenshot(390, 844, dark)))
		if err != nil {
			t.Fatal(err)
		}
		if got := img.Bounds().Dx(); got != 780 {
			t.Errorf("got a phone %d pixels wide, want 780", got)
		}
		r, _, _, _ := img.At(770, 1600).RGBA()
		corner = append(corner, r)
	}
	if want := []uint32{0xffff, 0}; !slices.Equal(corner, want) {
		t.Errorf("got corners %x, want %x", corner, want)
	}
}
