package token

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestLink(t *testing.T) {
	link := NewLink("0123456789")
	parsed, err := ParseLink(link.Reveal())
	if err != nil || parsed != link || parsed.ID() != "0123456789" || parsed.Digest() != link.Digest() {
		t.Errorf("%q: %v", link.Reveal(), err)
	}
	if link.Digest() == NewLink("0123456789").Digest() {
		t.Error("two links are equal")
	}
	for _, text := range []string{fmt.Sprint(link), fmt.Sprintf("%#v", link), fmt.Sprintf("%+v", struct{ L Link }{link})} {
		if strings.Contains(text, link.Reveal()[linkSecretStart:]) {
			t.Errorf("%q shows the secret", text)
		}
	}
	text := link.Reveal()
	for _, bad := range []string{"", "x", text[1:], text + "x", strings.Replace(text, "-", "_", 1), "ab/" + text[3:], text[:20] + "\u00e9" + text[22:]} {
		if _, err := ParseLink(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseLink(%q): %v", bad, err)
		}
	}
	if HeldBy("/rest/jira-tokens/1/handover/" + text) {
		t.Error("a link looks like a token in a URL")
	}
}
