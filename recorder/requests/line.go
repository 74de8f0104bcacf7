package requests

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// appendLine adds a line as encoding/json writes it, and its end, in a fraction
// of the time.
func appendLine(b []byte, l Line) []byte {
	if y := l.At.Year(); y < 0 || y > 9999 || l.At.Location() != time.UTC || !(l.Milli == 0 || math.Abs(l.Milli) >= 1e-6 && math.Abs(l.Milli) < 1e21) {
		line, err := json.Marshal(l)
		if err != nil { // a time beyond all calendars
			return b
		}
		return append(append(b, line...), '\n')
	}
	b = append(l.At.AppendFormat(append(b, `{"at":"`...), time.RFC3339Nano), '"')
	for _, m := range [...]struct {
		name, value string
		always      bool
	}{
		{`,"id":`, l.ID, true}, {`,"who":`, l.Who, false}, {`,"from":`, l.From, true}, {`,"target":`, l.Target, false}, {`,"session":`, l.Session, false},
		{`,"method":`, l.Method, true}, {`,"path":`, l.Path, true},
	} {
		b = member(b, m.name, m.value, m.always)
	}
	b = strconv.AppendInt(append(b, `,"status":`...), int64(l.Status), 10)
	b = member(b, `,"code":`, l.Code, false)
	b = member(b, `,"outcome":`, l.Outcome, true)
	b = strconv.AppendFloat(append(b, `,"ms":`...), l.Milli, 'f', -1, 64)
	b = strconv.AppendInt(append(b, `,"in":`...), l.In, 10)
	b = strconv.AppendInt(append(b, `,"out":`...), l.Out, 10)
	return append(b, "}\n"...)
}

func member(b []byte, name, value string, always bool) []byte {
	if value == "" && !always {
		return b
	}
	b = append(b, name...)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(value) // never fails
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), value...), '"')
}
