package figures

import "testing"

func TestAFigureIsHeldAgainstItsOwnRound(t *testing.T) {
	table := &Table{Goals: []Goal{{What: "rate", Beside: Direct, Must: 0.5, More: true}, {What: "memory", Must: 180}}}
	for _, round := range [][2]float64{{100, 60}, {10, 7}, {1000, 400}} { // the machine is noisy, the ratio is not
		table.Add("rate", Direct, "1/s", round[0])
		table.Add("rate", Gateway, "1/s", round[1])
	}
	table.Add("memory", Gateway, "KiB", 200)
	table.settle()
	if f := table.find("rate", Gateway); f.Ratio != 0.6 || f.Misses || f.Median != 60 || f.Least != 7 || f.Most != 400 {
		t.Errorf("got %+v", f)
	}
	if f := table.find("memory", Gateway); !f.Misses || f.Ratio != 0 {
		t.Errorf("got %+v", f)
	}
	if r := table.Ratio("rate", Gateway, "nobody"); r != 0 {
		t.Errorf("got %v beside what was not measured", r)
	}
}
