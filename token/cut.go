package token

import (
	"regexp"
	"strings"
)

// tokenInText matches a token within text, even if its prefix or its end is missing.
var tokenInText = regexp.MustCompile(`jt_([0-9A-Za-z]{10})_[0-9A-Za-z]*|\b([0-9A-Za-z]{10})_[0-9A-Za-z]{38}\b`)

// CutSecrets replaces each token in text with its id, and reports whether there
// was one. Users tend to paste tokens where an id is expected.
func CutSecrets(text string) (string, bool) {
	cut := tokenInText.ReplaceAllString(text, "$1$2")
	return cut, cut != text
}

// Find returns the first whole token in text, such as a line of a script. If there is none,
// it returns what may be the ID of one that is cut off; empty if there is none either.
func Find(text string) (found Token, part string, whole bool) {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, prefix)
		if !ok {
			break
		}
		start := len(text) - len(after) - len(prefix)
		if found, err := Parse(text[start:min(len(text), start+Length)]); err == nil {
			return found, "", true
		}
		if part == "" {
			part = after[:min(len(after), idLength)]
		}
		rest = after
	}
	return Token{}, part, false
}

// WithoutSecrets returns text with each token in it replaced by the token's id. If text
// holds a token that is encoded, nothing of it is left.
func WithoutSecrets(text string) string {
	cut, _ := CutSecrets(text)
	if HeldBy(cut) {
		return "(holds an API token)"
	}
	return cut
}

// MaxClaim is the maximum length of what Claim returns, in bytes.
const MaxClaim = 200

// Claim returns what a client calls itself, its User-Agent, in a form that can be kept:
// shortened, printable, and without the secrets of tokens.
func Claim(userAgent string) string { return Printable(WithoutSecrets(userAgent), MaxClaim) }
