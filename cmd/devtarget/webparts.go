package devtarget

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// identity is the header in which the gateway says who is there.
const identity = "X-Lockbox-Identity"

// claims are the part of the identity header that says who is there. Whoever
// builds an application verifies its signature first, as README says.
func claims(r *http.Request) (all map[string]any) {
	parts := strings.Split(r.Header.Get(identity), ".")
	if len(parts) != 3 {
		return nil
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(body, &all) != nil {
		return nil
	}
	return all
}

// said is who the gateway says is there.
func said(r *http.Request) string {
	if who, _ := claims(r)["sub"].(string); who != "" {
		return who
	}
	return "nobody that a gateway vouches for"
}

// whoami shows all that the application is told.
func (w *Web) whoami(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	e := json.NewEncoder(rw)
	e.SetIndent("", "  ")
	_ = e.Encode(map[string]any{"claims": claims(r), "request": r.Header.Get("X-Request-Id"), "host": r.Host}) // whoever asked is gone
}

// clock pushes the time once a second, as server-sent events (HTML, 9.2).
func clock(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for now := time.Now(); ; {
		if _, err := fmt.Fprintf(rw, "id: %d\ndata: %s\n\n", now.Unix(), now.UTC().Format(time.RFC3339)); err != nil {
			return
		}
		if http.NewResponseController(rw).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case now = <-tick.C:
		}
	}
}

// talk answers each line over a WebSocket.
func talk(rw http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(rw, r, nil) // of its own origin only
	if err != nil {
		return // answered
	}
	defer c.CloseNow() //nolint:errcheck // it ended
	c.SetReadLimit(maxText)
	for {
		kind, line, err := c.Read(r.Context())
		if err == nil && kind == websocket.MessageText {
			line = []byte(reply(r, strings.TrimSpace(string(line))))
		}
		if err != nil || c.Write(r.Context(), kind, line) != nil { // binary comes back as it is
			return
		}
	}
}

// reply is what the conversation says to a line.
func reply(r *http.Request, line string) string {
	switch word, rest, _ := strings.Cut(line, " "); word {
	case "help":
		return "help, date, whoami, echo TEXT"
	case "date":
		return time.Now().UTC().Format(time.RFC1123)
	case "whoami":
		return said(r)
	case "echo":
		return rest
	}
	return "unknown: " + line + "; try help"
}

// upload says how many bytes came, and their digest. It keeps nothing.
func upload(rw http.ResponseWriter, r *http.Request) {
	sum, size := sha256.New(), int64(0)
	parts, err := r.MultipartReader()
	for err == nil {
		part, next := parts.NextPart()
		if next != nil {
			break
		}
		var n int64
		n, err = io.Copy(sum, part)
		size += n
	}
	if err != nil {
		http.Error(rw, "send files as a form does", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(rw, "%d bytes came, SHA-256 %s\n", size, hex.EncodeToString(sum.Sum(nil)))
}

// maxFile is the largest file to download, in bytes.
const maxFile = 10 << 30

// download gives a file of as many bytes as its name says: /files/1000000.bin.
// Ranges of it may be asked for.
func download(rw http.ResponseWriter, r *http.Request) {
	text, bin := strings.CutSuffix(r.PathValue("name"), ".bin")
	size, err := strconv.ParseInt(text, 10, 64)
	if !bin || err != nil || size < 0 || size > maxFile {
		http.NotFound(rw, r)
		return
	}
	rw.Header().Set("Content-Type", "application/octet-stream")
	rw.Header().Set("ETag", `"`+text+`"`)
	http.ServeContent(rw, r, "", time.Time{}, io.NewSectionReader(pattern{}, 0, size))
}

// A pattern is endless bytes, each the lowest of its place.
type pattern struct{}

// ReadAt fills p with what stands at off.
func (pattern) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		p[i] = byte(off + int64(i))
	}
	return len(p), nil
}
