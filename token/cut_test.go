package token

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestClaim: what a client calls itself is short, printable and holds no token, not even in
// Basic credentials.
func TestClaim(t *testing.T) {
	secret := New()
	for text, want := range map[string]string{
		"curl/8.5.0":              "curl/8.5.0",
		"a\x1b[2J\r\nb":           "a[2Jb",
		"sync " + secret.Reveal(): "sync " + secret.ID(),
		strings.Repeat("x", 300):  strings.Repeat("x", MaxClaim),
		"Basic " + base64.StdEncoding.EncodeToString([]byte("anna:"+secret.Reveal())): "(holds an API token)",
	} {
		if got := Claim(text); got != want {
			t.Errorf("Claim(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCutSecrets(t *testing.T) {
	secret := New()
	whole, id := secret.Reveal(), secret.ID()
	for text, want := range map[string]string{
		whole:                  id,
		whole[3:]:              id,
		whole[:40]:             id,
		"x " + whole + "\ny":   "x " + id + "\ny",
		whole + " " + whole:    id + " " + id,
		"/rest?token=" + whole: "/rest?token=" + id,
		whole + "x":            id,
	} {
		if got, cut := CutSecrets(text); got != want || !cut {
			t.Errorf("%q: %q, %t", text, got, cut)
		}
	}
	for _, text := range []string{"", id, "jt_", "jt_" + id, "BI export", "my_long_name"} {
		if got, cut := CutSecrets(text); got != text || cut {
			t.Errorf("%q: %q, %t", text, got, cut)
		}
	}
}
