package proof

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// Frontier is a Merkle tree to which leaves can be appended. It keeps only what its
// root depends on: the hashes of the complete subtrees at its right edge, of which
// there are at most 40.
type Frontier struct {
	size   int64
	hashes []tlog.Hash // largest subtree first
}

// Append adds a leaf, given by its hash.
func (f *Frontier) Append(leaf tlog.Hash) {
	f.hashes = append(f.hashes, leaf)
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.hashes) - 1
		f.hashes[last-1] = tlog.NodeHash(f.hashes[last-1], f.hashes[last])
		f.hashes = f.hashes[:last]
	}
	f.size++
}

// Size returns the number of leaves.
func (f *Frontier) Size() int64 { return f.size }

// Root returns the Merkle tree hash.
func (f *Frontier) Root() tlog.Hash {
	if f.size == 0 {
		return sha256.Sum256(nil)
	}
	last := len(f.hashes) - 1
	root := f.hashes[last]
	for i := last - 1; i >= 0; i-- {
		root = tlog.NodeHash(f.hashes[i], root)
	}
	return root
}

// FrontierIndexes returns where tlog stores the hashes that NewFrontier needs for a
// tree of this size.
func FrontierIndexes(size int64) []int64 {
	var indexes []int64
	for level := 62; level >= 0; level-- {
		if size>>level&1 == 1 {
			// The subtree before which only larger ones stand.
			indexes = append(indexes, tlog.StoredHashIndex(level, size>>level-1))
		}
	}
	return indexes
}

// NewFrontier returns a tree of this size with the hashes at FrontierIndexes.
func NewFrontier(size int64, hashes []tlog.Hash) Frontier {
	return Frontier{size, append([]tlog.Hash(nil), hashes...)}
}

// Clone returns a copy.
func (f *Frontier) Clone() Frontier { return NewFrontier(f.size, f.hashes) }
