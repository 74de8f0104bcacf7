package tests

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

const module = "lockbox/"

func layers() []string { return []string{"policy", "recorder", "approvals", "gateway", "cmd", "tests"} }

func layer(room string) int {
	first, _, _ := strings.Cut(room, "/")
	return slices.Index(layers(), first)
}

// topLevel is fixed: what is new goes into one of the six folders.
func topLevel(h house) (found []string) {
	fixed := append(layers(), "go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "SECURITY.md", "bin")
	for _, name := range h.top {
		if !strings.HasPrefix(name, ".") && !slices.Contains(fixed, name) {
			found = append(found, fmt.Sprintf("%s: the top level is fixed; put it into one of %s", name, strings.Join(layers(), ", ")))
		}
	}
	return found
}

// direction: a layer imports only layers to its left. Tests may also use what stands in tests, and the throw-away target.
func direction(h house) (found []string) {
	for f, room := range h.ours() {
		if layer(room) > layer(f.room) && !(f.test && (layer(room) == layer("tests") || room == "cmd/devtarget")) {
			found = append(found, fmt.Sprintf("%s imports %s: imports go to the left only (%s); let the right side call, or take an interface",
				f.path, room, strings.Join(layers(), " < ")))
		}
	}
	return found
}

// walls: a room imports the rooms that rooms.txt gives it.
func walls(h house) (found []string) {
	for f, room := range h.ours() {
		if f.test || room == f.room {
			continue
		}
		if may, known := h.mayImport(f.room, room); known && !may {
			found = append(found, fmt.Sprintf("%s imports %s: tests/rooms.txt does not give %s that room", f.path, room, f.room))
		}
	}
	seen := map[string]bool{}
	for _, f := range h.files {
		if _, known := h.mayImport(f.room, f.room); !known && !f.test && !seen[f.room] {
			seen[f.room] = true
			found = append(found, fmt.Sprintf("%s is a new room: give it a line in tests/rooms.txt and a row in README, or put the code into a room there is", f.room))
		}
	}
	return found
}

func (h house) mayImport(room, other string) (may, known bool) {
	for _, row := range h.rooms {
		if row[0] != room {
			continue
		}
		given := strings.Fields(row[1])
		left := slices.Contains(given, "left") && layer(other) < layer(room)
		return left || slices.Contains(given, "all") || slices.Contains(given, other), true
	}
	return layer(room) == layer("tests"), layer(room) == layer("tests")
}

// siblings: a door never imports a door, a messenger never a messenger, whatever rooms.txt says.
func siblings(h house) (found []string) {
	doors := []string{"gateway/sshproxy", "gateway/httpproxy", "gateway/portal"}
	messengers := []string{"approvals/slack", "approvals/mail", "approvals/webhook"}
	for f, room := range h.ours() {
		if f.room == room || f.test {
			continue
		}
		if slices.Contains(doors, f.room) && slices.Contains(doors, room) {
			found = append(found, fmt.Sprintf("%s imports %s: doors never import doors; what both need belongs to gateway", f.path, room))
		}
		if slices.Contains(messengers, f.room) && slices.Contains(messengers, room) {
			found = append(found, fmt.Sprintf("%s imports %s: messengers never import messengers; what both need belongs to approvals", f.path, room))
		}
	}
	return found
}

// ours yields each file with each of our rooms it imports.
func (h house) ours() func(yield func(file, string) bool) {
	return func(yield func(file, string) bool) {
		for _, f := range h.files {
			for _, p := range f.imports() {
				if room, ok := strings.CutPrefix(p, module); ok && !yield(f, room) {
					return
				}
			}
		}
	}
}

// fences: an outside module is imported only where fences.txt says, and every line there is of use.
func fences(h house) (found []string) {
	for _, f := range h.files {
		for _, p := range f.imports() {
			if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
				continue // the standard library, or ours
			}
			row := h.fence(p)
			switch {
			case row == nil:
				found = append(found, fmt.Sprintf("%s imports %s: give it a line in tests/fences.txt that says what for, or do without", f.path, p))
			case !within(f, row[1]):
				found = append(found, fmt.Sprintf("%s imports %s: tests/fences.txt keeps it to %s; ask that room", f.path, p, row[1]))
			}
		}
	}
	required := h.required()
	for _, row := range h.fences {
		if !slices.ContainsFunc(required, func(m modfile.Require) bool { return m.Mod.Path == row[0] || strings.HasPrefix(row[0], m.Mod.Path+"/") }) {
			found = append(found, fmt.Sprintf("tests/fences.txt: %s is not in go.mod: remove the line", row[0]))
		}
	}
	return found
}

// within says whether a file stands in one of the rooms of a fence: tests always do, and cmd/lockbox where code that ships does.
func within(f file, rooms string) bool {
	return f.test || layer(f.room) == layer("tests") || f.room == "cmd/lockbox" && rooms != "tests" || slices.Contains(strings.Fields(rooms), f.room)
}

// fence is the line whose path is the longest prefix of the import path.
func (h house) fence(imported string) (best []string) {
	for _, row := range h.fences {
		if (imported == row[0] || strings.HasPrefix(imported, row[0]+"/")) && (best == nil || len(row[0]) > len(best[0])) {
			best = row
		}
	}
	return best
}

// versions: no module below its floor.
func versions(h house) (found []string) {
	for _, m := range h.required() {
		for _, row := range h.floors {
			if row[0] == m.Mod.Path && semver.Compare(m.Mod.Version, row[1]) < 0 {
				found = append(found, fmt.Sprintf("go.mod: %s %s is below %s (%s): go get %[1]s@latest", m.Mod.Path, m.Mod.Version, row[1], row[2]))
			}
		}
	}
	return found
}

func (h house) required() (all []modfile.Require) {
	mod, err := modfile.ParseLax("go.mod", h.gomod, nil)
	if err != nil {
		return nil // go itself would not have come here
	}
	for _, r := range mod.Require {
		all = append(all, *r)
	}
	return all
}
