package speech

import (
	"strings"

	"rsc.io/qr"
)

// Numerals writes a number three lines high.
func Numerals(number string) []string {
	rows := make([]string, 3)
	for _, digit := range number {
		for i, part := range numeral(digit) {
			rows[i] += part + "  "
		}
	}
	return rows
}

func numeral(digit rune) [3]string {
	switch digit {
	case '0':
		return [3]string{"┏━┓", "┃ ┃", "┗━┛"}
	case '1':
		return [3]string{" ╻ ", " ┃ ", " ╹ "}
	case '2':
		return [3]string{"╺━┓", "┏━┛", "┗━╸"}
	case '3':
		return [3]string{"╺━┓", "╺━┫", "╺━┛"}
	case '4':
		return [3]string{"╻ ╻", "┗━┫", "  ╹"}
	case '5':
		return [3]string{"┏━╸", "┗━┓", "╺━┛"}
	case '6':
		return [3]string{"┏━╸", "┣━┓", "┗━┛"}
	case '7':
		return [3]string{"╺━┓", "  ┃", "  ╹"}
	case '8':
		return [3]string{"┏━┓", "┣━┫", "┗━┛"}
	case '9':
		return [3]string{"┏━┓", "┗━┫", "╺━┛"}
	}
	return [3]string{}
}

// Square writes text as a QR code, two rows of it to a line, black on white
// whatever the terminal's colours are.
func Square(text string) []string {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil // too long for a code: the link is there
	}
	const margin = 2
	var lines []string
	for y := -margin; y < code.Size+margin; y += 2 {
		var b strings.Builder
		b.WriteString("\x1b[97;40m")
		for x := -margin; x < code.Size+margin; x++ {
			b.WriteString([]string{"█", "▀", "▄", " "}[half(code.Black(x, y))*2+half(code.Black(x, y+1))])
		}
		lines = append(lines, b.String()+"\x1b[0m")
	}
	return lines
}

func half(black bool) int {
	if black {
		return 1
	}
	return 0
}
