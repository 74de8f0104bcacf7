// Package figures keeps what benches measure, a figure a round for each way, and sets each beside its baseline of the same
// round: medians, ranges, ratios, and which of them miss what they must reach.
package figures
