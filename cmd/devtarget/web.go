package devtarget

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"
)

// webFiles are the pages, scripts and styles of the wiki.
//
//go:embed web
var webFiles embed.FS

const (
	maxPages = 100      // of the wiki; they are forgotten when it ends
	maxText  = 16 << 10 // bytes of a page
)

// A Web is the throw-away web application: a wiki with a form, a clock that is
// pushed, a line of conversation over a WebSocket, and files both ways.
type Web struct {
	server *http.Server
	listen net.Listener
	pages  *template.Template
	done   sync.WaitGroup
	end    context.CancelFunc

	mu    sync.Mutex // guards notes
	notes map[string]string
}

// StartWeb serves the application on a loopback address until Close.
func StartWeb(addr string) (*Web, error) {
	pages, err := template.ParseFS(webFiles, "web/*.html")
	if err != nil {
		return nil, err
	}
	l, err := listenLoopback(addr)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	w := &Web{listen: l, pages: pages, end: end, notes: map[string]string{
		"welcome": "This is production. Contract 7 is stuck in its third state; see states.",
		"states":  "1 drafted\n2 signed\n3 archived",
	}}
	w.server = &http.Server{
		Handler: w.routes(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	w.done.Go(func() { _ = w.server.Serve(l) }) // ends by Close
	return w, nil
}

// Addr is the address that it listens on, with the port it got.
func (w *Web) Addr() string { return w.listen.Addr().String() }

// Close ends every connection.
func (w *Web) Close() error {
	w.end() // pushed events and conversations
	err := w.server.Close()
	w.done.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (w *Web) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) { w.show(rw, r, "welcome") })
	mux.HandleFunc("GET /wiki/{name}", func(rw http.ResponseWriter, r *http.Request) { w.show(rw, r, r.PathValue("name")) })
	mux.HandleFunc("POST /wiki/{name}", w.write)
	mux.HandleFunc("GET /whoami", w.whoami)
	mux.HandleFunc("GET /clock", clock)
	mux.HandleFunc("GET /talk", talk)
	mux.HandleFunc("POST /files", upload)
	mux.HandleFunc("GET /files/{name}", download)
	static, err := fs.Sub(webFiles, "web")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	return mux
}

var pageName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// A page is what the template shows.
type page struct {
	Name, Text string
	Names      []string
	Who        string
}

func (w *Web) show(rw http.ResponseWriter, r *http.Request, name string) {
	if !pageName.MatchString(name) {
		http.NotFound(rw, r)
		return
	}
	w.mu.Lock()
	p := page{Name: name, Text: w.notes[name], Who: said(r)}
	for n := range w.notes {
		p.Names = append(p.Names, n)
	}
	w.mu.Unlock()
	slices.Sort(p.Names)
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	if err := w.pages.ExecuteTemplate(rw, "page.html", p); err != nil {
		panic(http.ErrAbortHandler) // half a page is no page
	}
}

// write keeps a page, and shows it.
func (w *Web) write(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, maxText+1<<10)
	name, text := r.PathValue("name"), r.PostFormValue("text")
	w.mu.Lock()
	_, there := w.notes[name]
	ok := pageName.MatchString(name) && len(text) <= maxText && text != "" && (there || len(w.notes) < maxPages)
	if ok {
		w.notes[name] = text
	}
	w.mu.Unlock()
	if !ok {
		http.Error(rw, fmt.Sprintf("a page has a name like a-1, and text of at most %d bytes; there are at most %d", maxText, maxPages), http.StatusBadRequest)
		return
	}
	http.Redirect(rw, r, "/wiki/"+name, http.StatusSeeOther)
}
