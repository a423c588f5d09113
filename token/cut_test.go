package token

import "testing"

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
