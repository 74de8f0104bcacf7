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
	k := split(len(leaves))
	return tlog.NodeHash(treeRoot(leaves[:k]), treeRoot(leaves[k:]))
}

// split is the largest power of two below n, which is at least 2.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

// inclusion is the proof of RFC 6962, 2.1.1, that leaf i is in the tree.
func inclusion(leaves []tlog.Hash, i int) tlog.RecordProof {
	if len(leaves) < 2 {
		return nil
	}
	k := split(len(leaves))
	if i < k {
		return append(inclusion(leaves[:k], i), treeRoot(leaves[k:]))
	}
	return append(inclusion(leaves[k:], i-k), treeRoot(leaves[:k]))
}
