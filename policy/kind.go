package policy

// On says whether it can be done on the target at all: in a browser on an
// application, over SSH on everything else. A nil Target is none.
func (a Action) On(t *Target) bool { return t != nil && (a.Kind() == "http") == (t.Kind == "http") }

// Kind is that of the targets on which it can be done: "ssh" or "http".
func (a Action) Kind() string {
	if a == HTTPGet || a == HTTPPut {
		return "http"
	}
	return "ssh"
}
