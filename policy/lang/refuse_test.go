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

func TestWhatIsPromisedAndNotBuiltIsRefusedByName(t *testing.T) {
	b, err := os.ReadFile("testdata/promised.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = lang.Parse(map[string][]byte{"p.yaml": b})
	var errs lang.Errors
	if !errors.As(err, &errs) {
		t.Fatalf("Parse = %v, want Errors", err)
	}
	var got []string
	for _, e := range errs {
		got = append(got, fmt.Sprintf("%d:%d %s", e.Line, e.Col, e.Msg))
	}
	const not = " is not known to this version of lockbox"
	want := []string{
		`3:49 "sso"` + not,
		`31:72 "escalate"` + not,
		`35:38 "sftp"` + not,
		`35:52 "http"` + not,
		`38:14 forward is permitted only with "to", which` + not,
		`39:5 "to"` + not,
		`40:5 "sql"` + not,
		`45:14 "http-read"` + not,
		`45:25 "http-write"` + not,
		`46:5 "http"` + not,
		`47:5 "sftp"` + not,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestAFileThatAReviewerCannotSeeAsItIsIsRefused(t *testing.T) {
	long := "version: 1 # " + strings.Repeat("x", 1000)
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
		{"a long line", long, "a.yaml:1:1001: the line is longer than 1000 characters; write lists with a line for each item\n   1 | " + strings.Repeat("x", 63) + "\n     | " + strings.Repeat(" ", 50) + "^"},
		{"a text", "lockbox\n", "a.yaml:1:1: a policy file is a table, not text; write fields, name: value\n   1 | lockbox\n     | ^"},
		{"a list", "- version: 1\n", "a.yaml:1:1: a policy file is a table, not a list; write fields, name: value\n   1 | - version: 1\n     | ^"},
		{"a document after another", "version: 1\n...\n", "a.yaml:2:1: a file holds one document; remove this line, and put what follows in a file of its own\n   2 | ...\n     | ^"},
		{"a directive", "%YAML 1.2\n---\nversion: 1\n", "a.yaml:1:1: tags (!) and directives (%) are not read; remove it\n   1 | %YAML 1.2\n     | ^"},
		{"characters are counted, not bytes", "version: 1 # æøå\nøl: 1\n", "a.yaml:2:1: a policy file has no field \"øl\"; write customers, executives, groups, rules, targets, tests or version\n   2 | øl: 1\n     | ^"},
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

// The library reads each of these as something that it does not say, or that
// another reader of YAML would not see in it.
func TestWhatTheLibraryReadsTooKindlyIsRefused(t *testing.T) {
	const (
		colon = "this colon does not stand between a name and a space"
		line  = "this field and its value do not stand in line with the others"
		comma = "a comma stands alone"
	)
	for _, row := range []struct{ name, data, want string }{
		{"a colon without a space", "version: 1\ngroups: { a:b }\n", "2:12: " + colon},
		{"a colon before a bracket", "version: 1\ngroups: { a:[b] }\n", "2:12: " + colon},
		{"a colon in the next line", "version\n: 1\n", "2:1: " + colon},
		{"a value that stands below its field", "version:\n1\n", "1:1: " + line},
		{"a value that stands below its field, and a space", "version:\n1 \n", "1:1: " + line},
		{"a bracket that stands below its field", "version: 1\nrules:\n[]\n", "2:1: " + line},
		{"an item that stands below its dash", "version: 1\nrules:\n-\na\n", "3:1: this item does not stand in line with the others"},
		{"a table of one field in brackets", "version: 1\ngroups: { a: \"\": b, }\n", "2:14: a table within brackets needs { }"},
		{"a table in a list", "version: 1\nrules: [name: a]\n", "2:9: a table within brackets needs { }"},
		{"a comma before all", "version: 1\nrules: [, a]\n", "2:9: " + comma},
		{"two commas", "version: 1\nrules: [a,, b]\n", "2:11: " + comma},
		{"a bracket in text", "version: 1\ngroups: { a] }\n", `2:11: "a]" holds a sign that means something in YAML`},
		{"text that ends with a colon", "version: 1\ngroups: { a: b: }\n", `2:14: "b:" holds a sign that means something in YAML`},
		{"an escape that is none", "version: 1\ngroups: { \"\\x0X\": {} }\n", "2:11: this text cannot be read as it stands"},
		{"a lone bracket", "version: }\n", `1:10: "}" holds a sign that means something in YAML`},
		{"text behind a quote", "version: \"1\" 2\n", "1:14: value is not allowed in this context. map key-value is pre-defined"},
		{"text behind brackets", "version: 1\nrules: [a] b\n", "2:12: something follows the bracket that ends here"},
		{"a field behind brackets", "version: 1\ngroups: {\n}   rules:\n", "3:5: something follows the bracket that ends here"},
		{"an indent that ends nowhere", "version: 1\ngroups:\n    a: { members: [] }\n  b: { members: [] }\n", "4:3: value is not allowed in this context"},
		{"brackets in brackets without end", "version: 1\nrules: " + strings.Repeat("[", 20), "2:20: more than 12 brackets in one another, or 10000 fields in one file"},
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
