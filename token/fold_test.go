package token

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFoldIsEqualFold(t *testing.T) {
	letters := rapid.StringOf(rapid.SampledFrom([]rune("aAkKK sSſßẞµΜμΩωΩiIİı0_é É日")))
	rapid.Check(t, func(t *rapid.T) {
		a, b := letters.Draw(t, "a"), letters.Draw(t, "b")
		if equal := Fold(a) == Fold(b); equal != strings.EqualFold(a, b) {
			t.Fatalf("%q and %q: Fold says equal: %t", a, b, equal)
		}
		if appended := string(AppendFold([]byte("x"), a)); appended != "x"+Fold(a) {
			t.Fatalf("AppendFold of %q: %q, want %q", a, appended, Fold(a))
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.String().Draw(t, "a")
		for _, b := range []string{strings.ToUpper(a), strings.ToLower(a), strings.ToTitle(a)} {
			if strings.EqualFold(a, b) != (Fold(a) == Fold(b)) {
				t.Fatalf("%q and %q", a, b)
			}
		}
	})
}

func TestAppendFold(t *testing.T) {
	for _, s := range []string{"", "abc", "ABC@Example.COM", "Kelvin K", "ſ", "Straße", "ΣΑΣ", "İstanbul", "a\xffb", "日本"} {
		if got := string(AppendFold([]byte("x"), s)); got != "x"+Fold(s) {
			t.Errorf("%q: %q, want %q", s, got, "x"+Fold(s))
		}
	}
}
