package lang

import (
	"fmt"
	"slices"
	"strings"
)

// Reference is the language field by field, in Markdown, made of the shapes
// that the reader reads by.
func Reference() string {
	root := aFile().schema
	b := &manual{written: map[string]bool{}}
	b.print("# Policy files\n\n%s\n", preface)
	b.section(wholeFile, &root)
	return b.String()
}

const wholeFile = "A policy file"

const preface = `A policy is the ` + "`*.yaml`" + ` of one directory, each of at most 1 MiB, together. What stands in one file may as well stand in another.

They are YAML of which every reader and every reviewer sees the same: text on one line, plain or in quotes (in double quotes a backslash
stands only before a quote or a backslash), tables and lists by indentation or in brackets. Anchors, aliases, tags, merge keys, blocks of
text, tabs, invisible characters, several documents in a file and fields that stand twice are refused, each with its line, column and what
to write instead. A field that is not listed here is refused, and so is an empty list: it would mean nobody here and everybody there.`

// A manual is the reference that is being written.
type manual struct {
	strings.Builder
	written map[string]bool // sections, without their titles
}

type chapter struct {
	title  string
	schema *schema
}

func (b *manual) print(form string, args ...any) { fmt.Fprintf(b, form, args...) }

// section writes one table, and then those that stand in it. What the two
// kinds of rule share is written once.
func (b *manual) section(title string, s *schema) {
	if text := s.chapter(); !b.written[title[strings.LastIndex(title, " ")+1:]+text] {
		b.written[title[strings.LastIndex(title, " ")+1:]+text] = true
		b.print("\n## %s\n\n%s", title, text)
	}
	for i := range s.fields {
		for _, c := range s.fields[i].tables(under(title, s.fields[i].name)) {
			b.section(c.title, c.schema)
		}
	}
}

// chapter is what is written about a table.
func (s *schema) chapter() string {
	var b strings.Builder
	var some []string
	for _, one := range s.AnyOf {
		some = append(some, "`"+one.Required[0]+"`")
	}
	if len(some) > 1 {
		b.WriteString("At least one of " + strings.Join(some, ", ") + ".\n\n")
	}
	b.WriteString("| field | | value | |\n|---|---|---|---|\n")
	for i := range s.fields {
		f := &s.fields[i]
		needed := ""
		if slices.Contains(s.Required, f.name) || len(some) == 1 && s.AnyOf[0].Required[0] == f.name {
			needed = "needed"
		}
		row := []string{"`" + f.name + "`", needed, f.words(), f.Description}
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", "\\|")
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

func under(title, name string) string {
	if title == wholeFile {
		return name
	}
	return title + " · " + name
}

// tables are those that a value holds, each under a title of its own.
func (s *schema) tables(title string) []chapter {
	switch {
	case len(s.fields) > 0:
		return []chapter{{title, s}}
	case s.Items != nil:
		return s.Items.tables(title)
	case s.Each != nil:
		return s.Each.tables(title)
	case s.Then != nil:
		return append(s.Then.tables(title+" that permit"), s.Else.tables(title+" that forbid")...)
	}
	return nil
}

// words say what is written for a value.
func (s *schema) words() string {
	switch {
	case len(s.Enum) > 0:
		return "`" + strings.Join(s.Enum, "`, `") + "`"
	case s.Then != nil:
		return "a rule"
	case len(s.AnyOf) > 0 && s.Type == "":
		return s.AnyOf[0].words() + ", or " + s.AnyOf[1].words()
	case s.Items != nil:
		return "list of " + s.Items.words()
	case s.Each != nil && s.Each.of != "" && len(s.Each.fields) > 0:
		return fmt.Sprintf("table: %s → %s", s.Names.of, s.Each.of)
	case s.Each != nil:
		return fmt.Sprintf("table: %s → %s", s.Names.of, s.Each.words())
	case s.Type == "object":
		return "table"
	case s.Type == "boolean":
		return "`true` or `false`"
	case s.Type == "integer" && s.Minimum == s.Maximum:
		return fmt.Sprintf("`%d`", s.Minimum)
	case s.Type == "integer":
		return fmt.Sprintf("number, %d to %d", s.Minimum, s.Maximum)
	}
	return s.of
}
