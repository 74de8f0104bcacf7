package recorder

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"lockbox/recorder/screen"
)

// acting is the corpus of F21 in attacks.md: output that drives the viewer's
// terminal, makes it answer, or its parser fail.
func acting() map[string]string {
	return map[string]string{
		"OSC 52 write":          "\x1b]52;c;ZXZpbA==\x07",
		"OSC 52 query":          "\x1b]52;c;?\x1b\\",
		"OSC 52 in C1":          "\u009d52;c;ZXZpbA==\u009c",
		"OSC 52 wrapped":        "\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\",
		"OSC 52 in screen":      "\x1bP\x1b]52;c;eA==\x07\x1b\\",
		"OSC 0 and CSI 21 t":    "\x1b]0;\r\nrm -rf ~\r\n\x07\x1b[21t",
		"OSC 2":                 "\x1b]2;x\x1b\\",
		"OSC l":                 "\x1b]lx\x1b\\",
		"OSC 4 query":           "\x1b]4;1;?\x07",
		"OSC 10 and 11 query":   "\x1b]10;?\x07\x1b]11;?\x07",
		"OSC 7, 9, 99, 777":     "\x1b]7;file:///\x07\x1b]9;hi\x07\x1b]99;;hi\x1b\\\x1b]777;notify;a;b\x07",
		"OSC 8":                 "\x1b]8;;javascript:alert(1)\x1b\\\x1b]8;;\x1b\\",
		"OSC 50":                "\x1b]50;?\x07\x1b]50;$(id)\x07",
		"OSC 133 and 633":       "\x1b]133;A\x07\x1b]633;E;rm\x07",
		"OSC 1337":              "\x1b]1337;File=inline=1:AAAA\x07\x1b]1337;RequestUpload=format=tgz\x07\x1b]1337;CopyToClipboard=\x07",
		"OSC without end":       "\x1b]52;c;" + strings.Repeat("A", 4000) + "\x07",
		"DECRQSS":               "\x1bP$q\"p\x1b\\\x1bP$qm\x1b\\",
		"XTGETTCAP":             "\x1bP+q544e\x1b\\",
		"DECUDK":                "\x1bP1;1|17/0d\x1b\\",
		"sixel":                 "\x1bPq\"1;1;9999;9999#0;2;0;0;0!9999~\x1b\\",
		"ReGIS":                 "\x1bPpS(E)\x1b\\",
		"APC, kitty's pictures": "\x1b_Ga=T,f=100,t=f;L2V0Yy9wYXNzd2Q=\x1b\\",
		"PM and SOS":            "\x1b^x\x1b\\\x1bXx\x1b\\",
		"DA 1, 2, 3":            "\x1b[c\x1b[0c\x1b[>c\x1b[>0c\x1b[=c\x1bZ\u009bc",
		"DSR":                   "\x1b[5n\x1b[6n\x1b[?6n\x1b[?15n\x1b[?996n",
		"XTVERSION, DECRQM":     "\x1b[>q\x1b[>0q\x1b[?1$p\x1b[4$p",
		"answerback":            "\x05",
		"DECREQTPARM, DECRQCRA": "\x1b[x\x1b[1x\x1b[1;1;1;1;1;1*y",
		"window operations":     "\x1b[1t\x1b[2t\x1b[3;0;0t\x1b[4;0;0t\x1b[8;0;0t\x1b[8;65535;65535t\x1b[9;1t\x1b[11t\x1b[13t\x1b[14t\x1b[18t\x1b[19t\x1b[20t\x1b[22;0t\x1b[23;0t",
		"mouse, focus, paste":   "\x1b[?9h\x1b[?1000h\x1b[?1002h\x1b[?1003h\x1b[?1004h\x1b[?1005h\x1b[?1006h\x1b[?1015h\x1b[?2004h",
		"keyboard":              "\x1b=\x1b>\x1b[?1h\x1b[>1u\x1b[<u\x1b[?u\x1b[=5;1u\x1b[>4;2m\x1b[20h\x1b[2h\x1b[12l",
		"132 columns, reverse":  "\x1b[?3h\x1b[?40h\x1b[?5h\x1b[?2026h\x1b[?69h",
		"printer":               "\x1b[i\x1b[4i\x1b[5i\x1b[?4i\x1b[?5i",
		"resets":                "\x1bc\x1b[!p\x1b[?2;1h",
		"history":               "\x1b[3J",
		"bell":                  "\x07\x07",
		"VT52":                  "\x1b[?2l\x1bY  \x1bZ\x1b<",
		"Tektronix":             "\x1b[?38h\x1d\x1c",
		"locking shifts":        "\x1bn\x1bo\x1b|\x1b}\x1b~\x1bN\x1bO",
		"UTF-8 off":             "\x1b%@\x1b%G\x1b F\x1b G",
		"double size, DECALN":   "\x1b#3\x1b#6\x1b#8",
		"a parameter of 10^9":   "\x1b[1000000000C\x1b[1000000000@\x1b[1000000000L\x1b[1000000000b\x1b[1000000000S\x1b[1000000000;1000000000H\x1b[38;5;1000000000m",
		"too many parameters":   "\x1b[" + strings.Repeat("1;", 5000) + "m",
		"sub-parameters":        "\x1b[4:3;1:2C",
		"intermediates":         "\x1b[1 q\x1b[1\"q\x1b[1'}\x1b[1$|\x1b[1*|",
		"rectangles":            "\x1b[1;1;9;9;1;1;1;1$v\x1b[88;1;1;9;9$x\x1b[1;1;9;9$z",
		"macros":                "\x1bP1;0;0!z41\x1b\\\x1b[1*z",
		"soft fonts":            "\x1bP0;1;0;0;0;0;0;0{ @????\x1b\\",
		"NUL, XON, XOFF, DEL":   "\x00\x11\x13\x7f",
		"broken off":            "\x1b]52;c;eA==\x18\x1b[\x1a\x1bP\x9c",
	}
}

func TestNothingOfF21ActsOnTheViewer(t *testing.T) {
	ok := regexp.MustCompile(allowed)
	for name, in := range acting() {
		var s Safe
		out := string(s.Filter([]byte("a" + in + "\x1b\\b")))
		left := strings.NewReplacer("a", "", "b", "", "\uFFFD", "").Replace(out)
		if name == "VT52" { // what it does not know ends, and is text
			left = strings.ReplaceAll(left, " ", "")
		}
		if !ok.MatchString(out) || strings.ContainsAny(left, "\x1b\x05\x07\u009b\u009d") {
			t.Errorf("%s: let through %q", name, out)
		}
		for _, size := range [][2]int{{80, 24}, {0, 0}, {65535, 65535}, {1, 1}} {
			sc := screen.New(size[0], size[1])
			_, _ = sc.Write([]byte(in))
			sc.Resize(65535, 65535)
			sc.Resize(0, 0)
			_, _ = sc.Write(bytes.Repeat([]byte(in), 3))
			_ = sc.Dump()
		}
	}
}

// What a page shows of a recording, a screen follows: they read alike.
func TestAScreenFollowsWhatSafeLetsThrough(t *testing.T) {
	var all []string
	for _, in := range acting() {
		all = append(all, in)
	}
	for seed := range uint64(200) {
		dice := rand.New(rand.NewPCG(seed, 1))
		var p []byte
		for range 30 {
			p = append(p, all[dice.IntN(len(all))][:1]...)
			p = append(p, all[dice.IntN(len(all))]...)
			p = fmt.Appendf(p, "text %d\x1b[3%dm", dice.IntN(9), dice.IntN(8))
		}
		var safe Safe
		raw, filtered := screen.New(40, 10), screen.New(40, 10)
		_, _ = raw.Write(append(p, 0x18))
		_, _ = filtered.Write(safe.Filter(append(p, 0x18)))
		if !bytes.Equal(raw.Dump(), filtered.Dump()) {
			t.Fatalf("seed %d: got %q, want %q", seed, filtered.Dump(), raw.Dump())
		}
	}
}
