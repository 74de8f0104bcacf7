// Package proof holds the forms in which a transparency log convinces somebody
// who does not trust its operator: checkpoints, cosignatures, proofs of
// inclusion and of growth, and whole logs as files. The forms are those of
// C2SP, so that other implementations read them. It stores nothing and believes
// nothing that it was not given a key for.
package proof
