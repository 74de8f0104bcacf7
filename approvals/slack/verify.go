package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"

	api "github.com/slack-go/slack"
)

// Headers by which Slack signs.
const (
	signatureHeader = "X-Slack-Signature"
	timestampHeader = "X-Slack-Request-Timestamp"
)

var (
	signatureForm = regexp.MustCompile(`^v0=[0-9a-f]{64}$`)
	timestampForm = regexp.MustCompile(`^[0-9]{9,11}$`)
)

// Handler takes what Slack posts: clicks and forms to /slack/interactions, commands
// to /slack/commands. It is nil where clicks come another way.
func (s *Slack) Handler() http.Handler {
	if s.Signing == "" {
		return nil
	}
	mux := http.NewServeMux()
	for path, parse := range routes() {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, parse) })
	}
	return mux
}

// routes are all that Slack may post to. Each is served alike.
func routes() map[string]func([]byte) (call, error) {
	return map[string]func([]byte) (call, error){"/slack/interactions": interaction, "/slack/commands": parseCommandForm}
}

func interaction(body []byte) (call, error) {
	form, err := parseForm(body)
	if err != nil || len(form) != 1 || !form.Has("payload") {
		return call{}, errCall
	}
	return parseInteraction([]byte(form.Get("payload")))
}

func parseCommandForm(body []byte) (call, error) {
	form, err := parseForm(body)
	if err != nil {
		return call{}, err
	}
	return parseCommand(form.Get)
}

// serve verifies the bytes as they came before anything is read from them.
func (s *Slack) serve(w http.ResponseWriter, r *http.Request, parse func([]byte) (call, error)) {
	no := func(status int, why string) {
		s.unheard(why)
		http.Error(w, "", status)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMost))
	if long := new(http.MaxBytesError); errors.As(err, &long) {
		no(http.StatusRequestEntityTooLarge, "too long")
		return
	}
	if err != nil || !s.signed(r.Header, body) {
		no(http.StatusUnauthorized, "not signed")
		return
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	c, err := parse(body)
	if err != nil || kind != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		no(http.StatusBadRequest, "not understood")
		return
	}
	if why := s.stranger(c); why != "" {
		no(http.StatusForbidden, why)
		return
	}
	switch fresh, err := s.memory.first(r.Header.Get(signatureHeader), "trigger "+c.Type+" "+c.Trigger); {
	case err != nil:
		s.Report(err)
		http.Error(w, "", http.StatusInternalServerError)
	case !fresh:
		s.unheard("heard before") // a retry, or somebody who listened: the first one counts
		w.WriteHeader(http.StatusOK)
	default:
		answer(w, s.hear(c))
	}
}

// signed says whether Slack signed the body within five minutes. The library's
// errors may hold the right signature, so none is kept.
func (s *Slack) signed(h http.Header, body []byte) bool {
	for name, form := range map[string]*regexp.Regexp{signatureHeader: signatureForm, timestampHeader: timestampForm} {
		if all := h.Values(name); len(all) != 1 || !form.MatchString(all[0]) {
			return false
		}
	}
	if enc := h.Values("Content-Encoding"); len(enc) > 0 && !slices.Equal(enc, []string{"identity"}) {
		return false
	}
	v, err := api.NewSecretsVerifier(h, string(s.Signing))
	if err != nil {
		return false
	}
	_, err = io.Copy(&v, bytes.NewReader(body))
	return err == nil && v.Ensure() == nil
}

// answer is what Slack shows at once.
func answer(w http.ResponseWriter, reply any) {
	if reply == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	b, err := json.Marshal(reply)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(b) // who does not read it has gone
}
