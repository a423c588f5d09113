package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// The store may contain any text, and so may the response of whatever server is at
// the address. In text output, characters that move the cursor, change the text's
// direction or are invisible are replaced; in JSON output they are escaped, so that
// nothing is lost.

// maxShown is the maximum length of a text that is shown, in bytes.
const maxShown = 1000

// shown returns s in a form that is safe to print on one line of a terminal.
func shown(s string) string {
	var b strings.Builder
	for _, c := range s {
		if b.Len() >= maxShown {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(c) {
			c = '\ufffd'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// decode decodes JSON into answer, with all text in it made safe for a terminal.
func decode(data []byte, answer any) error {
	var plain any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&plain); err != nil {
		return err
	}
	safe, err := json.Marshal(showable(plain))
	if err != nil {
		return err
	}
	return json.Unmarshal(safe, answer)
}

func showable(value any) any {
	switch v := value.(type) {
	case string:
		return shown(v)
	case []any:
		for i := range v {
			v[i] = showable(v[i])
		}
	case map[string]any:
		safe := make(map[string]any, len(v))
		for name, inner := range v {
			safe[shown(name)] = showable(inner)
		}
		return safe
	}
	return value
}

// jsonWriter escapes characters in JSON that are not safe for a terminal.
type jsonWriter struct {
	io.Writer
	partial []byte // the first bytes of an incomplete character
}

func (w *jsonWriter) Write(p []byte) (int, error) {
	text := append(w.partial, p...)
	w.partial = nil
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		if c == utf8.RuneError && !utf8.FullRune(text) {
			w.partial = bytes.Clone(text)
			break
		}
		if c == '\n' || unicode.IsPrint(c) && size > 1 || unicode.IsPrint(c) && c < utf8.RuneSelf {
			out = append(out, text[:size]...)
		} else {
			out = appendEscaped(out, c)
		}
		text = text[size:]
	}
	if _, err := w.Writer.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

func appendEscaped(out []byte, c rune) []byte {
	if c > 0xffff {
		high, low := utf16.EncodeRune(c)
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(out, `\u%04x`, c)
}
