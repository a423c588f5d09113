package page

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed words/en.json
var english []byte

// Words are the texts of the pages by key. Another language is another file with the
// same keys.
type Words map[string]string

// English returns the English texts.
func English() (Words, error) {
	var words Words
	if err := json.Unmarshal(english, &words); err != nil {
		return nil, fmt.Errorf("words/en.json: %w", err)
	}
	return words, nil
}

// Say returns the text with this key. Each {} in it is replaced with the next value.
func (w Words) Say(key string, values ...any) (string, error) {
	text, ok := w[key]
	if !ok {
		return "", fmt.Errorf("there are no words for %q", key)
	}
	if n := strings.Count(text, "{}"); n != len(values) {
		return "", fmt.Errorf("the words for %q take %d values, not %d", key, n, len(values))
	}
	for _, value := range values {
		text = strings.Replace(text, "{}", fmt.Sprint(value), 1)
	}
	return text, nil
}

// Count returns the text for a number: the one with the key for one, or for others. The
// number is its first value.
func (w Words) Count(key string, n int, values ...any) (string, error) {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return w.Say(key+form, append([]any{n}, values...)...)
}
