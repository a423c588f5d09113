package token

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// maxDecodings bounds how often text is decoded: each time costs its length, and
// nothing that a token was put into by mistake is encoded so often.
const maxDecodings = 8

// HeldBy reports whether text holds something of the form of a token: as it is,
// percent-encoded any usual number of times, or within base64, as Basic
// credentials are. It is for places where no token belongs, such as a URL's query.
// It does not check the checksum: a damaged token is nearly a token.
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

// holdsEncodedToken looks into every run of base64 that is long enough, in both
// alphabets.
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

// isEncodedToken decodes a run from each of the four places where a group of
// base64 can begin, since what was before it may look like base64 as well.
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
		decoded, _ := encoding.DecodeString(whole) // as far as it goes
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
