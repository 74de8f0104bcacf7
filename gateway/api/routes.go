package api

import (
	"net/http"
	"reflect"
	"strings"
)

// A route is one method on one address. The table below is the whole API; the
// description that programs read is made from it.
type route struct {
	method string
	path   string // below Prefix; {code} and {id} are parts of it
	scope  string // that the token must have; "" for any
	open   bool   // answers without a token
	does   string
	query  []param
	in     reflect.Type // body; nil for none
	out    reflect.Type
	serve  func(*call) (any, error)
}

// A param is a query parameter.
type param struct{ name, does string }

// get is a route that changes nothing.
func get[Out any](path, does string, serve func(*call) (Out, error), query ...param) route {
	return route{
		method: http.MethodGet, path: path, scope: Read, does: does, query: query, out: reflect.TypeFor[Out](),
		serve: func(c *call) (any, error) { return serve(c) },
	}
}

// post is a route that changes something, or refuses to.
func post[In, Out any](path, scope, does string, serve func(*call, In) (Out, error)) route {
	return route{
		method: http.MethodPost, path: path, scope: scope, does: does, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](),
		serve: func(c *call) (any, error) {
			var in In
			if err := c.read(&in); err != nil {
				return nil, err
			}
			return serve(c, in)
		},
	}
}

func (a *API) routes() []route {
	all := []route{
		get("/me", "Whose token this is, and what it may do", (*call).me),
		get("/targets", "What you may ask for", (*call).targets),
		get("/policy", "The policy in force, and the declaration to sign before asking", (*call).policy),

		get("/requests", "Requests you may see", (*call).requests,
			param{"list", "mine (your open ones, the default), inbox (open ones that you may see) or history (ended ones too)"},
			param{"before", "of the history: those made before this one"},
			param{"limit", "of the history: so many, 1 to 100; 20"}),
		post("/requests", Ask, "Ask for access. The same request again gives the one that is open", (*call).ask),
		get("/requests/{code}", "One request", (*call).see,
			param{"wait", "answer only when it is decided, or after so long: 25s at most"}),
		post("/requests/{code}/withdraw", Ask, "Take back a request of your own", change((*call).withdraw)),
		post("/requests/{code}/extend", Ask, "Ask for more time under your grant: a new request to the same people", (*call).extend),
		post("/requests/{code}/say", Ask, "Write into the thread of a request", (*call).say),
		post("/requests/{code}/accept", Ask, "Promise what the approvers asked you to", (*call).accept),
		post("/requests/{code}/reject", End, "Vote no", (*call).reject),
		post("/requests/{code}/approve", Read, "Always refused, with the page where a passkey can do it", (*call).approve),
		get("/requests/{code}/sessions", "Sessions under a request", (*call).sessions),
		get("/receipts/{code}", "The receipt of a request: check it with `lockbox verify`", (*call).receipt),

		get("/grants", "Requests whose grant is not over", (*call).grants,
			param{"list", "mine (the default) or all (those that you may see)"}),
		post("/grants/{code}/give-back", Ask, "End your own grant; its sessions end with it", change((*call).giveBack)),
		post("/grants/{code}/revoke", End, "End a grant that you decide on; its sessions end with it", (*call).revoke),

		get("/motions", "Motions you may see, newest first", (*call).motions,
			param{"kind", "of this kind only"}),
		post("/motions", Ask, "Make a motion; it is signed on its page", (*call).propose),
		get("/motions/{code}", "One motion", (*call).seeMotion),
		post("/motions/{code}/oppose", End, "Vote no on a motion", (*call).oppose),
		post("/motions/{code}/end", End, "Take a motion back, or end what it made so", (*call).endMotion),
		post("/motions/{code}/sign", Read, "Always refused, with the page where a passkey can do it", (*call).signMotion),

		get("/tokens", "Your tokens that are not over", (*call).tokens),
		post("/tokens/{id}/revoke", "", "End one of your tokens", (*call).revokeToken),
	}
	all = append(all, a.routesOfLogins()...)
	var description node
	own := get("/openapi.json", "This description (OpenAPI 3.1)", func(*call) (node, error) { return description, nil })
	own.open = true
	all = append(all, own)
	description = a.describe(all)
	return all
}

// match says whether the path is the route's, and what its parts are.
func (r *route) match(path string) (map[string]string, bool) {
	want, have := strings.Split(r.path, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	var parts map[string]string
	for i, w := range want {
		name, named := strings.CutPrefix(w, "{")
		switch {
		case named && have[i] != "":
			parts = map[string]string{strings.TrimSuffix(name, "}"): have[i]}
		case w != have[i]:
			return nil, false
		}
	}
	return parts, true
}
