package token

// IDFrom returns the id that follows from a digest: always the same for the same one.
// It has the form of any other id.
func IDFrom(digest [32]byte) string {
	var id [idLength]byte
	for i := range id {
		// Slightly uneven, as 256 is not a multiple of 62, which does no harm: an id is not
		// secret.
		id[i] = base62[digest[i]%62]
	}
	return string(id[:])
}
