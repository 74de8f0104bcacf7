package api

import (
	"net/http"
	"strings"
)

// A node is a part of the description.
type node = map[string]any

// describe makes the OpenAPI 3.1 description of the routes from their Go types.
func (a *API) describe(routes []route) node {
	s := schemas{}
	failure := s.of(typeOf[Failure]())
	paths := node{}
	for _, r := range routes {
		path, ok := paths[r.path].(node)
		if !ok {
			path = node{}
			paths[r.path] = path
		}
		path[strings.ToLower(r.method)] = s.operation(r)
	}
	return node{
		"openapi": "3.1.0",
		"info": node{
			"title": "Lockbox", "version": "1",
			"description": "The same rules as the pages, for programs. A token is short-lived, may do little, and can never vote yes.",
		},
		"servers":  []any{node{"url": a.page(Prefix)}},
		"security": []any{node{"token": []string{}}},
		"paths":    paths,
		"components": node{
			"schemas": s,
			"responses": node{"Failure": node{
				"description": "refused, or failed; the same answer for what is not there and what is not yours to see",
				"content":     content(failure),
			}},
			"securitySchemes": node{"token": node{
				"type": "http", "scheme": "bearer", "description": "a token of at most an hour: `ssh GATEWAY token --scope read,ask,end`",
			}},
		},
	}
}

func content(schema any) node { return node{"application/json": node{"schema": schema}} }

// operation describes one route.
func (s schemas) operation(r route) node {
	op := node{
		"operationId": operationID(r), "summary": r.does,
		"responses": node{
			"200":     node{"description": "done", "content": content(s.of(r.out))},
			"default": node{"$ref": "#/components/responses/Failure"},
		},
	}
	if r.scope != "" {
		op["description"] = "Takes the scope `" + r.scope + "`."
		op["x-scope"] = r.scope
	}
	params := []any{}
	for part := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			params = append(params, node{"name": name, "in": "path", "required": true, "schema": node{"type": "string"}})
		}
	}
	for _, p := range r.query {
		params = append(params, node{"name": p.name, "in": "query", "description": p.does, "schema": node{"type": "string"}})
	}
	if len(params) > 0 {
		op["parameters"] = params
	}
	if r.in != nil {
		op["requestBody"] = node{"required": true, "content": content(s.closed(r.in))}
	}
	return op
}

// operationID names a route: "post_requests_code_withdraw".
func operationID(r route) string {
	name := strings.NewReplacer("/", "_", "{", "", "}", "", "-", "_", ".", "_").Replace(r.path)
	if r.method == http.MethodGet {
		return "get" + name
	}
	return "post" + name
}
