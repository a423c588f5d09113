package token

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// maxDecodings bounds how many times text is decoded, since each pass takes time
// in proportion to its length. Nobody encodes a token that often by mistake.
const maxDecodings = 8

// HeldBy reports whether text contains anything that has the form of a token:
// plain, percent-encoded a few times over, or inside base64, as in Basic
// credentials. It is for places where no token belongs, such as a URL's query.
// It ignores the checksum, since a token with a typo gives away most of the token.
func HeldBy(text string) bool {
	if len(text) < Length {
		return false
	}
	for range maxDecodings {
		if holdsToken(text) || holdsEncodedToken(text) {
			return true
		}
		decoded := percentDecoded(text)
		if decoded == text {
			return false
		}
		text = decoded
	}
	return false
}

func holdsToken(text string) bool {
	for {
		i := strings.Index(text, prefix)
		if i < 0 || len(text)-i < Length {
			return false
		}
		text = text[i:]
		if isTokenForm(text[:Length]) {
			return true
		}
		text = text[len(prefix):]
	}
}

func isTokenForm(s string) bool {
	for i := len(prefix); i < Length; i++ {
		if (i == secretStart-1) != (s[i] == '_') || s[i] != '_' && !isBase62(s[i]) {
			return false
		}
	}
	return true
}

// holdsEncodedToken decodes every run of base64 that is long enough, in either
// alphabet.
func holdsEncodedToken(text string) bool {
	shortest := base64.RawStdEncoding.EncodedLen(Length)
	for start := 0; start+shortest <= len(text); {
		end := start
		for end < len(text) && isBase64(text[end]) {
			end++
		}
		if end-start >= shortest && isEncodedToken(text[start:end]) {
			return true
		}
		start = end + 1
	}
	return false
}

// isEncodedToken tries all four alignments of base64's groups, since the text
// before the encoded part may look like base64 too.
func isEncodedToken(run string) bool {
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(run, "-_") {
		encoding = base64.RawURLEncoding
	}
	for skip := range 4 {
		whole := run[min(skip, len(run)):]
		if len(whole)%4 == 1 { // a single last character is not base64
			whole = whole[:len(whole)-1]
		}
		decoded, _ := encoding.DecodeString(whole) // up to the first invalid character
		if holdsToken(string(decoded)) {
			return true
		}
	}
	return false
}

func isBase64(c byte) bool {
	return isBase62(c) || c == '+' || c == '/' || c == '-' || c == '_'
}

// percentDecoded decodes every well-formed percent escape once.
func percentDecoded(text string) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	var decoded strings.Builder
	decoded.Grow(len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if octet, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				decoded.WriteByte(byte(octet))
				i += 2
				continue
			}
		}
		decoded.WriteByte(text[i])
	}
	return decoded.String()
}
