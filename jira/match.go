package jira

// Match says what decided the access of a request.
type Match struct {
	// Method, Template and Source describe the operation that decided; the first
	// two are empty if no operation did.
	Method, Template string
	Source           string
	// Reason says why, where this differs from Atlassian's lists.
	Reason string
	// Addressing and Locator are the operation's.
	Addressing Addressing
	Locator    Locator
	// Confinement is the operation's; nil if it has none or no operation decided.
	Confinement *Confinement
	// SeveralReadings is true if another server could read the path differently:
	// some take /search.json for /search. The strictest reading decided, which is
	// not necessarily Jira's own.
	SeveralReadings bool

	path string // as read, for Param
}

func (op *Operation) match(path string) Match {
	return Match{
		Method: op.Method, Template: op.Path, Source: op.Source, Reason: op.Reason,
		Addressing: op.Addressing, Locator: op.Locator, Confinement: op.Confinement, path: path,
	}
}

// Path returns the path of the request, relative to Jira's URL, as sent.
func (m Match) Path() string { return m.path }

// Param returns the path segment that matched {name} in the template, as sent:
// still percent-encoded. It does not allocate.
func (m Match) Param(name string) (value string, ok bool) {
	template, path := m.Template, m.path
	for template != "" {
		var want, segment string
		want, template = nextSegment(template)
		segment, path = nextSegment(path)
		if len(want) == len(name)+2 && want[0] == '{' && want[1:len(want)-1] == name {
			return segment, segment != ""
		}
	}
	return "", false
}

// String describes on one line what decided.
func (m Match) String() string {
	text := m.Source
	if m.Template != "" {
		text = m.Method + " " + m.Template + " (" + m.Source + ")"
	}
	if m.Reason != "" {
		text += ": " + m.Reason
	}
	return text
}

// What decided if no operation did.
var (
	byMethod     = Match{Source: SourceMethod}
	undocumented = Match{Source: "undocumented", Reason: "not a documented operation of Jira's own API, so anything but a read needs admin"}
	oddMethod    = Match{Source: "method", Reason: "Jira's API does not use this method"}
	crowded      = Match{Source: "table", Reason: "too many operations match this path: make those added by `reads` narrower"}
	tooMany      = Match{Source: "path", Reason: "the path ends in too many extensions"}
)

// Addressing is what an operation is about.
type Addressing string

// The values of Addressing. A global list returns whatever the account can see of
// one kind; AddressingSearch returns what a JQL query finds.
const (
	AddressingIssue      Addressing = "issue"
	AddressingProject    Addressing = "project"
	AddressingSearch     Addressing = "search-jql"
	AddressingGlobalList Addressing = "global-list"
	AddressingUser       Addressing = "user"
	AddressingAdmin      Addressing = "admin"
	AddressingOther      Addressing = "other"
)

// Locator says where a request names what it acts on.
type Locator struct {
	// In is path, query or body; indirect if the request names something that
	// belongs to what it acts on, such as a comment of an issue; empty if the
	// table does not say, or the operation takes it from several places.
	In string
	// What is the name of the parameter or field, or the kind of indirection.
	What string
}
