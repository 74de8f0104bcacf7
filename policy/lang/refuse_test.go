package lang_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockbox/policy/lang"
)

// TestWhatIsPromisedIsRead: what interfaces promise, with the one group and
// the one target that it leaves out.
func TestWhatIsPromisedIsRead(t *testing.T) {
	s, err := lang.Load("testdata/promised")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Check() {
		t.Error(f)
	}
}

func TestAFileThatAReviewerCannotSeeAsItIsIsRefused(t *testing.T) {
	long := "version: 1 # " + strings.Repeat("x", 2200)
	for _, row := range []struct{ name, data, want string }{
		{"nothing", "", "a.yaml: the file says nothing; begin it with: version: 1"},
		{"only a comment", "# none\n", "a.yaml: the file says nothing; begin it with: version: 1"},
		{"not UTF-8", "version: 1 # \xff\n", "a.yaml: the file is not UTF-8 text; save it as UTF-8"},
		{"too large", strings.Repeat("#\n", 1<<19) + "#", "a.yaml: the file is larger than 1 MiB; split it"},
		{"a tab", "version:\t1\n", "a.yaml:1:9: a tab stands here; indent with spaces\n   1 | version: 1\n     |         ^"},
		{"a carriage return", "version: 1\r\n", "a.yaml:1:11: the line ends with a carriage return; save the file with LF line ends\n   1 | version: 1 \n     |           ^"},
		{"a byte order mark", "\ufeffversion: 1\n", "a.yaml:1:1: the invisible character U+FEFF stands here; remove it\n   1 |  version: 1\n     | ^"},
		{"right to left", "version: 1 #\u202e\n", "a.yaml:1:13: the invisible character U+202E stands here; remove it\n   1 | version: 1 # \n     |             ^"},
		{"a space that does not break", "version:\u00a01\n", "a.yaml:1:9: the invisible character U+00A0 stands here; remove it\n   1 | version: 1\n     |         ^"},
		{"an escape", "version: 1 #\x1b[2J\n", "a.yaml:1:13: the invisible character U+001B stands here; remove it\n   1 | version: 1 # [2J\n     |             ^"},
		{"a NUL", "version: 1\x00\n", "a.yaml:1:11: the invisible character U+0000 stands here; remove it\n   1 | version: 1 \n     |           ^"},
		{"a long line", long, "a.yaml:1:2201: the line is longer than 2200 characters; write lists with a line for each item\n   1 | " + strings.Repeat("x", 63) + "\n     | " + strings.Repeat(" ", 50) + "^"},
		{"a text", "lockbox\n", "a.yaml:1:1: a policy file is a table, not text; write fields, name: value\n   1 | lockbox\n     | ^"},
		{"a list", "- version: 1\n", "a.yaml:1:1: a policy file is a table, not a list; write fields, name: value\n   1 | - version: 1\n     | ^"},
		{"a document after another", "version: 1\n...\n", "a.yaml:2:1: a file holds one document; remove this line, and put what follows in a file of its own\n   2 | ...\n     | ^"},
		{"a directive", "%YAML 1.2\n---\nversion: 1\n", "a.yaml:1:1: tags (!) and directives (%) are not read; remove it\n   1 | %YAML 1.2\n     | ^"},
		{"characters are counted, not bytes", "version: 1 # æøå\nøl: 1\n", "a.yaml:2:1: a policy file has no field \"øl\"; write activation, auditors, customers, declaration, executives, groups, passkeys, rules, targets, tests or version\n   2 | øl: 1\n     | ^"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := lang.Parse(map[string][]byte{"a.yaml": []byte(row.data)})
			if err == nil || s != nil {
				t.Fatalf("Parse = %v, %v, want an error", s, err)
			}
			if diff := cmp.Diff(row.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

// Some reader of YAML takes each of these for something that it does not say.
func TestWhatReadersOfYAMLDisagreeOnIsRefused(t *testing.T) {
	const (
		colon = "this colon does not stand between a name and a space"
		field = "this is no field"
		comma = "a comma stands alone"
	)
	for _, row := range []struct{ name, data, want string }{
		{"a colon without a space", "version: 1\ngroups: { a:b }\n", "2:12: " + colon},
		{"a colon before a bracket", "version: 1\ngroups: { a:[b] }\n", "2:12: " + colon},
		{"a colon behind quotes", "version: 1\ngroups: { \"a\":b }\n", "2:14: " + colon},
		{"a colon in the next line", "version\n: 1\n", "1:1: this text goes on in the next line"},
		{"a value that stands below its field", "version:\n1\n", "2:1: " + field},
		{"a value that stands below its field, and a space", "version:\n1 \n", "2:1: " + field},
		{"a bracket that stands below its field", "version: 1\nrules:\n[]\n", "3:1: " + field},
		{"an item that stands below its dash", "version: 1\nrules:\n-\na\n", "4:1: " + field},
		{"a list for a name", "[a]: b\n", "1:1: a field needs a name"},
		{"a table for a name", "{ a: b }: c\n", "1:1: a field needs a name"},
		{"a list for a name in brackets", "version: 1\ngroups: { [a]: b }\n", "2:11: a field needs a name"},
		{"a name over two lines", "[a,\nb]: c\n", "2:3: a field needs a name"},
		{"a table of one field in brackets", "version: 1\ngroups: { a: \"\": b, }\n", "2:14: a table within brackets needs { }"},
		{"a table in a list", "version: 1\nrules: [name: a]\n", "2:9: a table within brackets needs { }"},
		{"a comma before all", "version: 1\nrules: [, a]\n", "2:9: " + comma},
		{"two commas", "version: 1\nrules: [a,, b]\n", "2:11: " + comma},
		{"a field without a value in brackets", "version: 1\ngroups: { a }\n", "2:11: this field has no colon and no value"},
		{"a question mark in brackets", "version: 1\ngroups: { a?b: c }\n", "2:12: a question mark in brackets means something in YAML"},
		{"a bracket in text", "version: 1\ngroups: { a] }\n", "2:11: this field has no colon and no value"},
		{"text that ends with a colon", "version: 1\ngroups: { a: b: }\n", "2:14: a table within brackets needs { }"},
		{"an escape that is none", "version: 1\ngroups: { \"\\x0X\": {} }\n", "2:11: this text cannot be read as it stands"},
		{"a lone bracket", "version: }\n", "1:10: '}' stands where a value should be"},
		{"text behind a quote", "version: \"1\" 2\n", "1:14: something follows the text that ends here"},
		{"a comment without a space", "version: \"1\"#2\n", "1:13: something follows the text that ends here"},
		{"text behind brackets", "version: 1\nrules: [a] b\n", "2:12: something follows the bracket that ends here"},
		{"a field behind brackets", "version: 1\ngroups: {\n}   rules:\n", "3:5: something follows the bracket that ends here"},
		{"a list in the line of its field", "version: 1\nrules: - a\n", "2:8: a list does not begin in the middle of a line"},
		{"a dash in brackets", "version: 1\nrules: [- a]\n", "2:9: a dash does not begin an item in brackets"},
		{"a lone dash in brackets", "version: 1\nrules: [-]\n", "2:9: a dash does not begin an item in brackets"},
		{"an indent that ends nowhere", "version: 1\ngroups:\n    a: { members: [] }\n  b: { members: [] }\n", "4:3: this does not stand in line with what is above"},
		{"an indent that begins nowhere", "version: 1\n  groups:\n", "1:10: this text goes on in the next line"},
		{"a list below fields", "version: 1\n- a\n", "2:1: this does not stand in line with what is above"},
		{"an item that goes on", "version: 1\nrules:\n  - a\n    b\n", "3:5: this text goes on in the next line"},
		{"a document that begins", "---\nversion: 1\n", "1:1: a file holds one document"},
		{"a document that ends in brackets", "version: 1\nrules: [\n...\n]\n", "3:1: a file holds one document"},
		{"a bracket that nobody closes", "version: 1\nrules: [a,\n", "2:8: this bracket is not closed"},
		{"brackets in brackets without end", "version: 1\nrules: " + strings.Repeat("[", 20), "2:19: more than 12 tables and lists stand in one another"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := lang.Parse(map[string][]byte{"a.yaml": []byte(row.data)})
			var errs lang.Errors
			if !errors.As(err, &errs) {
				t.Fatalf("Parse: %v, want Errors", err)
			}
			if got := fmt.Sprintf("%d:%d: %s", errs[0].Line, errs[0].Col, errs[0].Msg); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestFilesBelongTogether(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no file", nil, "policy: there is no file; write one; it begins with: version: 1"},
		{"every file has a version", map[string]string{"a.yaml": "version: 1", "b.yaml": "groups: { a: { members: [e@x.eu] } }"},
			"b.yaml:1:1: a policy file has no version; add version"},
		{"a group in two files", map[string]string{
			"a.yaml": "version: 1\ngroups: { a: { members: [e@x.eu] } }", "b.yaml": "version: 1\ngroups: { a: { members: [f@x.eu] } }",
		}, `b.yaml:2:11: group "a" is already at a.yaml:2:11; remove one, or give it another name`},
		{"executives in two files", map[string]string{
			"a.yaml": "version: 1\nexecutives: { founded_by: [\"" + nordKey + "\"] }", "b.yaml": "version: 1\nexecutives: { founded_by: [\"" + nordKey + "\"] }",
		}, `b.yaml:2:13: executives are already at a.yaml:2:13; keep one`},
		{"a rule in two files", map[string]string{
			"a.yaml": "version: 1\nrules: [{ name: a, forbid: [exec], on: { kinds: [ssh] } }]", "b.yaml": "version: 1\nrules: [{ name: a, forbid: [exec], on: { kinds: [ssh] } }]",
		}, `b.yaml:2:17: rule "a" is already at a.yaml:2:17; remove one, or give it another name`},
		{"two files of one name", map[string]string{"a/p.yaml": "version: 1", "b/p.yaml": "version: 1"},
			"b/p.yaml: a file of this name is there already; give it another name"},
		{"mistakes in all files are told, in order", map[string]string{"b.yaml": "version: 2", "a.yaml": "version: 3"},
			"a.yaml:1:10: this version of lockbox reads version 1; write version: 1\nb.yaml:1:10: this version of lockbox reads version 1; write version: 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := map[string][]byte{}
			for name, data := range row.files {
				files[name] = []byte(data)
			}
			_, err := lang.Parse(files)
			var errs lang.Errors
			if !errors.As(err, &errs) {
				t.Fatalf("Parse: %v, want Errors", err)
			}
			var got []string
			for _, e := range errs {
				e.Caret = ""
				got = append(got, e.Error())
			}
			if diff := cmp.Diff(row.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestADirectoryIsReadWholeOrNotAtAll(t *testing.T) {
	for _, row := range []struct{ name, file, want string }{
		{"another ending might hold a rule that forbids", "rules.yml", "policy/rules.yml: only *.yaml is read; name it rules.yaml"},
		{"an ending in capitals too", "rules.YAML", "policy/rules.YAML: only *.yaml is read; name it rules.yaml"},
		{"a directory is no file", "dir.yaml/", "policy/dir.yaml: it cannot be read: it is no file; see that it is there and that this user may read it"},
		{"a link to nothing", "link.yaml@", "policy/link.yaml: it cannot be read: no such file or directory; see that it is there and that this user may read it"},
		{"what an editor leaves is not read", ".rules.yaml", ""},
		{"what is no YAML is not read", "README.md", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "policy")
			path := filepath.Join(dir, strings.TrimRight(row.file, "/@"))
			err := os.MkdirAll(dir, 0o700)
			switch {
			case strings.HasSuffix(row.file, "/"):
				err = errors.Join(err, os.Mkdir(path, 0o700))
			case strings.HasSuffix(row.file, "@"):
				err = errors.Join(err, os.Symlink("nowhere", path))
			default:
				err = errors.Join(err, os.WriteFile(path, []byte("version: 9"), 0o600))
			}
			if err = errors.Join(err, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("version: 1"), 0o600)); err != nil {
				t.Fatal(err)
			}
			got := ""
			if _, err := lang.Load(dir); err != nil {
				got = err.Error()
			}
			if got != row.want {
				t.Errorf("Load: %q, want %q", got, row.want)
			}
		})
	}
}

func TestADirectoryWithoutAPolicyIsRefused(t *testing.T) {
	empty := t.TempDir()
	for dir, want := range map[string]string{
		empty:           empty + ": there is no *.yaml here; write one; it begins with: version: 1",
		empty + "/none": empty + "/none: it cannot be read: no such file or directory; see that it is there and that this user may read it",
	} {
		if s, err := lang.Load(dir); s != nil || err == nil || err.Error() != want {
			t.Errorf("Load(%s) = %v, %v, want %q", dir, s, err, want)
		}
	}
}

func TestLoadRefusesWhatIsUnsafe(t *testing.T) {
	dir := t.TempDir()
	base, _ := refusals(t)
	weak := strings.Replace(base, "{ executive: { group: board, count: 2, expires: 12h } }, ", "", 1)
	if err := os.WriteFile(filepath.Join(dir, "p.yaml"), []byte(weak), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := lang.Load(dir); s != nil || err == nil || !strings.Contains(err.Error(), "without an executive stage") {
		t.Errorf("Load = %v, %v, want it refused", s, err)
	}
}

func TestALargeFileIsAnsweredInTime(t *testing.T) {
	for name, unit := range map[string]string{
		"fields": "a: b\n", "nested": "a: ", "list": "- a\n", "lists": "- ", "brackets": "[", "braces": "{a: ", "colons": ":\n",
		"quotes": "\"\n", "anchors": "&a ", "words": "b\n", "questions": "? ", "comments": "#\n", "deep": "a:\n", "blank": "\n",
	} {
		t.Run(name, func(t *testing.T) {
			data := "version: 1\nrules:\n" + strings.Repeat(unit, (1<<18)/len(unit))
			switch name {
			case "brackets", "braces", "nested", "lists", "questions", "anchors": // within the length of a line
				data = "version: 1\nrules: " + strings.Repeat(unit, 900/len(unit))
			case "fields": // as many as there may be
				data = "version: 1\ngroups:\n" + strings.Repeat("  "+unit, 9_900)
			}
			began := time.Now()
			if _, err := lang.Parse(map[string][]byte{"a.yaml": []byte(data)}); err == nil {
				t.Error("it was accepted")
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %s", took)
			} else {
				t.Log(took)
			}
		})
	}
}
