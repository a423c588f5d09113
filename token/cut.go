package token

import "regexp"

// written matches a token in a text, also one that lost its prefix or its end.
var written = regexp.MustCompile(`jt_([0-9A-Za-z]{10})_[0-9A-Za-z]*|\b([0-9A-Za-z]{10})_[0-9A-Za-z]{38}\b`)

// CutSecrets returns text with each token in it cut down to its id, and reports
// whether there was one: where an id is asked for, people paste tokens.
func CutSecrets(text string) (string, bool) {
	cut := written.ReplaceAllString(text, "$1$2")
	return cut, cut != text
}
