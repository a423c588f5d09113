package token

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestNewTokenHasTheFormat(t *testing.T) {
	format := regexp.MustCompile(`^jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}$`)
	seen := make(map[string]bool)
	for range 1000 {
		made := New()
		text := made.Reveal()
		if !format.MatchString(text) || len(text) != Length {
			t.Fatalf("token %s does not match the format", text)
		}
		if seen[text] || seen[made.ID()] {
			t.Fatal("a token or an id was generated twice")
		}
		seen[text], seen[made.ID()] = true, true
		parsed, err := Parse(text)
		if err != nil || parsed != made || parsed.ID() != text[3:13] {
			t.Fatalf("Parse(%s) = %v, %v", text, parsed, err)
		}
	}
}

func TestParseRefusesEveryOtherCharacter(t *testing.T) {
	text := New().Reveal()
	for i := range len(text) {
		for c := range 256 {
			if byte(c) == text[i] {
				continue
			}
			changed := text[:i] + string([]byte{byte(c)}) + text[i+1:]
			if _, err := Parse(changed); err == nil {
				t.Fatalf("%q parses, with character %d of %q changed", changed, i, text)
			}
		}
	}
}

func TestParseRefusesOtherLengths(t *testing.T) {
	text := New().Reveal()
	for _, s := range []string{"", "jt_", text[:len(text)-1], text + "0", " " + text, text + "\n", strings.Repeat(text, 1000)} {
		if _, err := Parse(s); err == nil {
			t.Errorf("%.80q parses", s)
		}
	}
}

func TestRotatedTokenKeepsTheID(t *testing.T) {
	old := New()
	rotated, err := WithID(old.ID())
	if err != nil {
		t.Fatal(err)
	}
	if rotated.ID() != old.ID() || rotated == old {
		t.Errorf("token %v became %v", rotated.Reveal(), old.Reveal())
	}
	if _, err := WithID("short"); err == nil {
		t.Error("an invalid id was accepted")
	}
}

func TestTokenNeverPrintsItsSecret(t *testing.T) {
	made := New()
	secret := made.Reveal()[secretStart:]
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, made); strings.Contains(text, secret) {
			t.Errorf("%s shows %s", format, text)
		}
	}
}

func TestDigestRoundTrip(t *testing.T) {
	made := New()
	digest := made.Digest()
	text, err := digest.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var back Digest
	if err := back.UnmarshalText(text); err != nil || !back.Equal(digest) {
		t.Errorf("digest %s is decoded as %x, %v", text, back, err)
	}
	for _, bad := range []string{"", "zz", string(text[1:]), string(text) + "00", "x" + string(text[1:])} {
		if back.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("digest %q was accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(New().Reveal())
	f.Add("jt_0000000000_00000000000000000000000000000000000000")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := Parse(s)
		if err == nil && (parsed.Reveal() != s || !ValidID(parsed.ID())) {
			t.Errorf("Parse(%q) = %q", s, parsed.Reveal())
		}
	})
}

func BenchmarkParseAndDigest(b *testing.B) {
	text := New().Reveal()
	b.ReportAllocs()
	for b.Loop() {
		parsed, err := Parse(text)
		if err != nil || parsed.Digest().IsZero() {
			b.Fatal(err)
		}
	}
}
