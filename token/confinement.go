package token

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Confinement is what a token may see. For a confined token, everything outside
// does not exist. The zero value confines nothing. The parts apply together: what
// is inside is in one of the projects, matches the JQL, and is not hidden.
type Confinement struct {
	// Projects are the projects that the token sees; empty means all.
	Projects []Project `json:"projects,omitempty"`
	// JQL is a condition that every issue must match, without ORDER BY; empty
	// means all issues.
	JQL string `json:"jql,omitempty"`
	// Hide lists fields, by ID or name, that are removed wherever they appear.
	// HideInternalComments stands for the internal comments of Jira Service
	// Management.
	Hide []string `json:"hide,omitempty"`
}

// Project is a Jira project. Its key can change; its ID cannot.
type Project struct {
	// ID is empty if Jira was not asked when the token was confined.
	ID  string `json:"id,omitempty"`
	Key string `json:"key"`
}

// HideInternalComments hides the internal comments of Jira Service Management.
const HideInternalComments = "internal-comments"

// Limits of a confinement: more than anyone writes by hand.
const (
	maxConfinedProjects = 100
	maxConfinedJQL      = 4096 // bytes
	maxHiddenFields     = 100

	maxHiddenFieldLength = 255 // characters, as for names of fields in Jira
)

// IsZero reports whether c confines nothing.
func (c Confinement) IsZero() bool { return len(c.Projects) == 0 && c.JQL == "" && len(c.Hide) == 0 }

// Check returns what is wrong with the confinement, if anything; the error begins
// with the part that is wrong. It does not parse the JQL.
func (c Confinement) Check() error {
	switch {
	case len(c.Projects) > maxConfinedProjects:
		return fmt.Errorf("projects: %d of them: expected at most %d", len(c.Projects), maxConfinedProjects)
	case len(c.JQL) > maxConfinedJQL:
		return fmt.Errorf("jql: %d bytes: expected at most %d", len(c.JQL), maxConfinedJQL)
	case !utf8.ValidString(c.JQL) || strings.ContainsFunc(c.JQL, isControl):
		return errors.New("jql: must be UTF-8 text without control characters")
	case len(c.Hide) > maxHiddenFields:
		return fmt.Errorf("hide: %d fields: expected at most %d", len(c.Hide), maxHiddenFields)
	}
	for _, p := range c.Projects {
		if !IsProjectKey(p.Key) || p.ID != "" && !isNumber(p.ID) {
			return fmt.Errorf("projects: %q: expected a project's key, such as ACME", p.Key)
		}
	}
	for _, field := range c.Hide {
		if err := CheckText("field", field, maxHiddenFieldLength); err != nil {
			return fmt.Errorf("hide: %w", err)
		}
	}
	return nil
}

// isControl reports whether c could control the terminal that shows it. Tabs and
// line breaks are allowed in JQL.
func isControl(c rune) bool { return unicode.IsControl(c) && !strings.ContainsRune("\t\n\r", c) }

// IsProjectKey reports whether s can be a project's key: Data Center's pattern is
// configurable, but a key always begins with a letter and consists of letters,
// digits and underscores.
// https://confluence.atlassian.com/adminjiraserver/changing-the-project-key-format-938847081.html
func IsProjectKey(s string) bool {
	for i, c := range s {
		letter := c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 255
}

func isNumber(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 19
}
