package command

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// nasty is text in a store that could deceive its readers.
const nasty = "a\x1b]0;x\x07\x1b[2J\u009b31m\u202eb\u200bc\u2028d\ne\rf\U000e0041\x7f"

func TestAnswersAreSafeToShow(t *testing.T) {
	text, err := json.Marshal(map[string]any{"error": nasty, "list": []any{nasty, 1.5}, nasty: nasty, "long": strings.Repeat("x", 1_000_000)})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := decode(text, &got); err != nil {
		t.Fatal(err)
	}
	safe := func(s string) {
		t.Helper()
		if len(s) > maxShown+len("…") || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("unsafe to show: %.100q", s)
		}
	}
	for name, value := range got {
		safe(name)
		if s, ok := value.(string); ok {
			safe(s)
		}
	}
	safe(got["list"].([]any)[0].(string))
}

func TestJSONIsSafeAndWhole(t *testing.T) {
	for _, step := range []int{1, 2, 3, 7, 1000} {
		var out bytes.Buffer
		w := &jsonWriter{Writer: &out}
		text, err := json.Marshal(map[string]string{"name": nasty + "日本 é 🎟"})
		if err != nil {
			t.Fatal(err)
		}
		// A server may send this unescaped, unlike Go.
		text = bytes.ReplaceAll(text, []byte("\\u2028"), []byte("\u2028"))
		for len(text) > 0 {
			n := min(step, len(text))
			if _, err := w.Write(text[:n]); err != nil {
				t.Fatal(err)
			}
			text = text[n:]
		}
		if i := strings.IndexFunc(out.String(), func(c rune) bool { return !unicode.IsPrint(c) }); i >= 0 {
			t.Errorf("steps of %d: unsafe to show: %q", step, out.String())
		}
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["name"] != nasty+"日本 é 🎟" {
			t.Errorf("steps of %d: %q, %v", step, back, err)
		}
	}
}
