package portal

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// files are the pages and what they load. static/player is there once `make web` has run.
//
//go:embed templates static text
var files embed.FS

func asset(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is compiled in
	}
	return string(b)
}

// The player is copied in by `make web`; without it a replay page shows text.
const (
	playerScript = "player/asciinema-player.min.js"
	playerStyle  = "player/asciinema-player.css"
)

func hasPlayer() bool {
	_, err := fs.Stat(files, "static/"+playerScript)
	return err == nil
}

// static serves what pages load. It is the same for everybody.
func (p *Portal) static(x *exchange) error {
	name := x.r.PathValue("name")
	f, err := files.Open("static/" + name)
	if err != nil || strings.HasSuffix(name, "/") {
		return errNoPage
	}
	defer func() { _ = f.Close() }() // read only, in memory
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return errNoPage
	}
	body := asset("static/" + name)
	sum := sha256.Sum256([]byte(body))
	x.w.Header().Set("Cache-Control", "no-cache") // asked again each time, sent again when it changed
	x.w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	http.ServeContent(x.w, x.r, name, time.Time{}, strings.NewReader(body))
	return nil
}
