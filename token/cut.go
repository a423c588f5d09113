package token

import "regexp"

// tokenInText matches a token within text, even if its prefix or its end is missing.
var tokenInText = regexp.MustCompile(`jt_([0-9A-Za-z]{10})_[0-9A-Za-z]*|\b([0-9A-Za-z]{10})_[0-9A-Za-z]{38}\b`)

// CutSecrets replaces each token in text with its id, and reports whether there
// was one. Users tend to paste tokens where an id is expected.
func CutSecrets(text string) (string, bool) {
	cut := tokenInText.ReplaceAllString(text, "$1$2")
	return cut, cut != text
}
