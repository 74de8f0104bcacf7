package recorder

import "golang.org/x/mod/sumdb/tlog"

// leaf is the RFC 6962 hash of a segment's line in the manifest.
func (s Segment) leaf() tlog.Hash { return tlog.RecordHash([]byte(s.line())) }

// treeRoot is the RFC 6962 tree hash over leaves, in the order the segments closed.
func treeRoot(leaves []tlog.Hash) tlog.Hash {
	switch len(leaves) {
	case 0:
		h, err := tlog.TreeHash(0, nil)
		if err != nil { // reads nothing
			panic(err)
		}
		return h
	case 1:
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(treeRoot(leaves[:k]), treeRoot(leaves[k:]))
}
