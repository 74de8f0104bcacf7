package attacks

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestA15A16A36WhatDecidesWhoATargetIsIsNotImported: no shipped code of the
// data path takes any host key, reads a file of known hosts to trust one, or
// speaks to an agent through the library whose parsers were wrong five times.
func TestA15A16A36WhatDecidesWhoATargetIsIsNotImported(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, room := range []string{"gateway", "cmd", "approvals", "recorder", "policy"} {
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, word := range []string{"InsecureIgnoreHostKey", "FixedHostKey", "knownhosts.New("} {
				if strings.Contains(string(text), word) {
					t.Errorf("%s has %s: a host key is held against the policy, in gateway/sshproxy/target", path, word)
				}
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, i := range f.Imports {
				name, _ := strconv.Unquote(i.Path.Value)
				agent := name == "golang.org/x/crypto/ssh/agent" && strings.HasPrefix(path, filepath.Join(root, "gateway"))
				hosts := name == "golang.org/x/crypto/ssh/knownhosts" && !slices.Contains([]string{"setup.go"}, filepath.Base(path))
				if agent || hosts {
					t.Errorf("%s imports %s", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
