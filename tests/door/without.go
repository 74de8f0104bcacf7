package door

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Without builds a program that calls Serve over a recorder whose tracks take everything and
// keep nothing, in dir. No such switch is in the product.
func Without(program, dir string) (string, error) {
	src, err := exec.Command("go", "list", "-f", "{{.Dir}}", "lockbox/recorder").Output()
	if err != nil {
		return "", fmt.Errorf("find the recorder: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(src)), "*.go"))
	if err != nil {
		return "", err
	}
	takes := regexp.MustCompile(`(?m)^func \(\w+ \*Track\) (Output|Stderr|Input|Resize|Exit|Signal|Note)\([^)]*\) error \{`)
	over, found := map[string]string{}, 0
	for i, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		n := len(takes.FindAll(text, -1))
		if n == 0 || strings.HasSuffix(f, "_test.go") {
			continue
		}
		found += n
		over[f] = filepath.Join(dir, fmt.Sprintf("without%d.go", i))
		if err := os.WriteFile(over[f], takes.ReplaceAll(text, []byte("$0 if true { return nil };")), 0o600); err != nil {
			return "", err
		}
	}
	if found != 7 {
		return "", fmt.Errorf("%d of the 7 ways into a track were found", found)
	}
	list, err := json.Marshal(map[string]any{"Replace": over})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600); err != nil {
		return "", err
	}
	without := filepath.Join(dir, "without")
	if out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", without, program).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build without recording: %w\n%s", err, out)
	}
	return without, nil
}
