package screen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

type opinion struct {
	Lines []string
	X, Y  int
}

// agreed makes output of which the standards leave no doubt, and in which pyte
// 0.8 follows them. It does not where: the cursor saved is restored with a row
// that waits to be wrapped; rows are wrapped or scrolled outside the margins;
// half a wide character is written over (it fails); character sets are chosen
// while it reads UTF-8 (it takes none); REP, CHT, CBT, SU and SD, and the
// other screen, which it does not have; when the margins are taken away (the
// cursor does not go home); at IL and DL by blank rows (it forgets to clear); at NEL (it stays in the column); and where BS comes in a full row.
func agreed(r *rand.Rand, cols, rows int) []byte {
	var b []byte
	for range r.IntN(60) {
		n := 1 + r.IntN(6)
		at := func() string { return fmt.Sprintf("\x1b[%d;%dH", 1+r.IntN(rows), 1+r.IntN(cols-1)) }
		switch r.IntN(12) {
		case 0, 1, 2:
			b = append(b, []string{"hello", "a", "some text", "æøå", "x y"}[r.IntN(5)]...)
		case 3:
			b = append(b, "\r\n"...)
		case 4:
			b = append(b, at()...)
		case 5:
			b = fmt.Appendf(b, "%s\x1b[%d%c", at(), n, "ABCDEFG@PXd"[r.IntN(11)])
		case 6:
			b = fmt.Appendf(b, "%s\x1b[%d%c", at(), r.IntN(3), "JK"[r.IntN(2)])
		case 7:
			b = fmt.Appendf(b, "\x1b[1;3%dm", r.IntN(8))
		case 8:
			b = append(b, at()...)
		case 9:
			b = fmt.Appendf(b, "%s\x1b7%s\x1b8", at(), at())
		case 10:
			b = fmt.Appendf(b, "%s\x1b%c", at(), "DM"[r.IntN(2)])
		case 11:
			b = append(b, "\r\t"...)
		}
	}
	return b
}

// stream is output of programs.
func corpus() (cases [][]byte) {
	for name, p := range streams() {
		if name == "chance" || name == "wide" {
			continue
		}
		cases = append(cases, bytes.ToValidUTF8(p[:min(len(p), 6000)], nil))
	}
	return append(cases, []byte("漢字 and かな\r\n😀!\r\n"), []byte("\x1b[2;5r\x1b[5;1H1\n2\n3\n\x1b[2;1H\x1bMtop\x1b[r\x1b[8;1Hend"),
		[]byte("\x1b[4habc\rX\x1b[4lY"), []byte("\x1b[3;6r\x1b[?6h\x1b[1;1Horigin\x1b[?6l"))
}

func TestPyteShowsTheSame(t *testing.T) {
	type asked struct {
		Cols int    `json:"cols"`
		Rows int    `json:"rows"`
		Data string `json:"data"`
	}
	var cases []asked
	for _, p := range corpus() {
		cases = append(cases, asked{80, 24, string(p)})
	}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 11))
		cols, rows := 20+r.IntN(10), 4+r.IntN(6)
		cases = append(cases, asked{cols, rows, string(agreed(r, cols, rows))})
	}
	var in bytes.Buffer
	for _, c := range cases {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(b, '\n'))
	}
	name := "/usr/bin/python3" // the system's, for which the package is installed
	if _, err := os.Stat(name); err != nil {
		name = "python3"
	}
	cmd := exec.Command(name, "testdata/opinion.py")
	cmd.Stdin, cmd.Stderr = &in, t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the second opinion needs python3-pyte: %v", err)
	}
	for i, line := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
		var want opinion
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		c := cases[i]
		s := written(c.Cols, c.Rows, []byte(c.Data))
		if got := (opinion{s.Text(), s.x, s.y}); !slices.Equal(got.Lines, want.Lines) || got.X != want.X || got.Y != want.Y {
			t.Fatalf("case %d, %d×%d, %.400q:\ngot  %.600s\nwant %.600s", i, c.Cols, c.Rows, c.Data, strings.Join(got.Lines, "¦"), strings.Join(want.Lines, "¦"))
		}
	}
}
