package manager

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// starters begin sentences, whatever follows.
	starters = []string{"a", "an", "the", "it", "this", "that", "there", "you", "somebody", "nobody", "no", "tokens"}
	// verbs follow the name of a person at the beginning of a sentence.
	verbs = []string{"has", "is", "can", "may", "must", "does", "do"}
)

// sentence returns a message of an endpoint as a sentence: with a capital letter, unless it
// begins with a name, and with a full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	words := append(strings.Fields(text), "", "")
	named := slices.Contains(verbs, words[1]) || strings.ContainsAny(words[0], "@.:/_\"'0123456789")
	if unicode.IsLower(first) && (slices.Contains(starters, words[0]) || !named) {
		text = string(unicode.ToUpper(first)) + text[size:]
	}
	if text != "" && !strings.ContainsAny(text[len(text)-1:], ".!?:") {
		text += "."
	}
	return text
}
