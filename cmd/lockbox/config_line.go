package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// said is the field that an error about the configuration begins with.
func said(text string) string {
	return regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+|\[[0-9]+\])*`).FindString(text)
}

// wrong is an error about the configuration. It begins with the field that it is
// about, and is given the line of that field, or of what it is missing in.
func (c Config) wrong(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	line, column := c.lineOf(said(err.Error()))
	if line == 0 {
		return usage("%s: %w", c.file, err)
	}
	return usage("%s:%d:%d: %w", c.file, line, column, err)
}

// lineOf finds a field, or else what it would be in; 0 for nowhere.
func (c Config) lineOf(field string) (line, column int) {
	for ; field != ""; field = field[:max(strings.LastIndexAny(field, ".["), 0)] {
		p, err := yaml.PathString("$." + field)
		if err != nil {
			continue
		}
		f, err := os.Open(c.file)
		if err != nil {
			return 0, 0
		}
		node, err := p.ReadNode(f)
		_ = f.Close() // read only
		if err == nil && node != nil {
			at := node.GetToken().Position
			return at.Line, at.Column
		}
	}
	return 0, 0
}
