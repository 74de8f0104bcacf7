package main

import (
	"fmt"
	"strings"

	"lockbox/tests/bench/figures"
)

func goals() []figures.Goal {
	return []figures.Goal{
		{What: keepRate, Beside: direct, Must: 0.25, More: true},
		{What: allTime, Beside: direct, Must: 4},
		{What: "new TLS connections/s", Beside: direct, Must: 0.8, More: true},
	}
}

// report prints all figures, what could not be measured, and how many times the best-known peer the gateway is.
func (b *bench) report(out string) error {
	err := b.Print(out)
	if r := b.Ratio(keepRate, gate, oauth2); r != 0 {
		fmt.Printf("by %s: %.2f × %s; must be 3\n", keepRate, r, oauth2)
	}
	if r := b.Ratio(allTime, oauth2, gate); r != 0 {
		fmt.Printf("by %s: %.2f × %s; must be 3\n", allTime, r, oauth2)
	}
	if len(b.missing) > 0 {
		fmt.Println("not here: " + strings.Join(b.missing, ", "))
	}
	return err
}
