package trust

import (
	"fmt"
	"strings"
)

// pattern is a pattern of Condition: the texts between its stars.
type pattern []string

// delimiters separate the parts of a text for which a star stands: those of the
// subjects of GitHub, GitLab, Kubernetes and SPIFFE. Whoever chooses a part, such as the
// name of a repository, cannot put them into it.
const delimiters = "/:"

// parsePattern parses a pattern. A star must stand for whole parts: acme* would also
// match acme-evil, which anybody may be able to register.
func parsePattern(text string) (pattern, error) {
	parts := pattern(strings.Split(text, "*"))
	if len(parts) == 1 {
		return nil, fmt.Errorf("pattern %q has no *: use == for the exact value", text)
	}
	if parts[0] == "" {
		return nil, fmt.Errorf("pattern %q: the * at the beginning would match whatever anybody chooses: begin with a fixed part, such as repo:acme/*", text)
	}
	for i, part := range parts[:len(parts)-1] {
		next := parts[i+1]
		last := i+1 == len(parts)-1 && next == ""
		if part == "" || !strings.ContainsRune(delimiters, rune(part[len(part)-1])) || !last && (next == "" || !strings.ContainsRune(delimiters, rune(next[0]))) {
			return nil, fmt.Errorf("pattern %q: * must stand for a whole part, between / or :, as in repo:acme/*:ref:refs/heads/main; acme* would also match acme-evil", text)
		}
	}
	return parts, nil
}

// matches reports whether the pattern matches text.
func (p pattern) matches(text string) bool {
	rest, ok := strings.CutPrefix(text, p[0])
	for i, part := range p[1:] {
		if !ok || rest == "" {
			return false
		}
		if i == len(p)-2 && part == "" {
			return true // the last star
		}
		end := strings.IndexAny(rest, delimiters)
		if end <= 0 {
			return false
		}
		rest, ok = strings.CutPrefix(rest[end:], part)
	}
	return ok && rest == ""
}
