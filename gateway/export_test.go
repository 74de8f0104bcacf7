package gateway

// Reach is whom an event of that kind has asked about again.
func Reach(kind string) string {
	return map[reach]string{someone: "someone", everybody: "everybody", itself: "itself", nobody: "nobody"}[reaches(kind)]
}

// Same asks policy alone, as every few seconds.
func (v *Visit) Same() bool { return v.same() }

// Again asks as often as that many hours and minutes would have it asked.
func (v *Visit) Again(rows bool) { v.asked(rows) }

// Watched says whether anybody reads the ledger for visits.
func (g *Gateway) Watched() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lookout != nil
}
