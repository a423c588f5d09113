package token

import "testing"

func TestFind(t *testing.T) {
	first, second := New(), New()
	whole, other := first.Reveal(), second.Reveal()
	for text, want := range map[string]struct {
		id, part string
	}{
		whole:                       {id: first.ID()},
		"curl -u a:" + whole + "\n": {id: first.ID()},
		"jt_ jt_jt_" + whole:        {id: first.ID()},
		whole[:30] + " " + other:    {id: second.ID()},
		whole[:30]:                  {part: first.ID()},
		"jt_abc":                    {part: "abc"},
		"nothing":                   {},
		"":                          {},
		whole[:len(whole)-1] + "?":  {part: first.ID()},
	} {
		found, part, ok := Find(text)
		if ok != (want.id != "") || ok && found.ID() != want.id || part != want.part {
			t.Errorf("in %q: %v, %q, want %+v", text, ok, part, want)
		}
	}
}
