package api

import (
	"testing"

	"lockbox/gateway/identity"
	"lockbox/policy"
	"lockbox/tests/world"
)

// The real directory, over HTTP: what ends a key or a person ends their tokens.
func TestATokenEndsWithItsKeyItsPersonAndItsRevocation(t *testing.T) {
	s := newHall(t)
	for _, tt := range []struct {
		name string
		who  *world.Human
		then func(token string) error
	}{
		{"the SSH key is removed", s.Mate, func(string) error { return s.People.RemoveSSHKey(t.Context(), s.Mate.ID, key(s.Mate)) }},
		{"all are revoked", s.Ceo, func(string) error { return s.api.Tokens.RevokeAll(t.Context(), "ops@x.eu", s.Ceo.ID) }},
		{"by itself", s.Ann, func(token string) error {
			var me Me
			s.get(token, "/me").into(&me)
			if got := s.post(token, "/tokens/"+me.Token+"/revoke", `{}`); got.status != 200 {
				t.Errorf("revoke: %d %s", got.status, got.body)
			}
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := s.token(tt.who)
			if got := s.get(token, "/me"); got.status != 200 {
				t.Fatalf("before: %d %s", got.status, got.body)
			}
			must(t, tt.then(token))
			got := s.get(token, "/me")
			if got.status != 401 || got.code() != CodeToken || got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("after: %d %s", got.status, got.body)
			}
			if unknown := s.get("lbx_x", "/me"); unknown.body != got.body {
				t.Errorf("it tells that the token was one: %s, %s", got.body, unknown.body)
			}
		})
	}
}

func TestAPasskeyThatNobodyConfirmedMakesNoToken(t *testing.T) {
	s := newHall(t)
	h := s.Enrol(t, identity.Invite{ID: "new@x.eu", Name: "New", Kind: policy.Staff}, false)
	if _, _, err := s.api.Tokens.Issue(t.Context(), h.Principal, h.Fingerprint, nil, 0); err == nil {
		t.Error("it made one")
	}
	if _, _, err := s.api.Tokens.Issue(t.Context(), s.Eng.Principal, key(s.Mate), nil, 0); err == nil {
		t.Error("the key of another made one")
	}
}
