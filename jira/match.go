package jira

// Match says what decided about a request.
type Match struct {
	// Method, Template and Source are those of the operation that decided; the
	// first two are empty when no operation did.
	Method, Template string
	Source           string
	// Reason says why, where this is not as Atlassian's lists have it.
	Reason string
	// Addressing and Locator are those of the operation.
	Addressing Addressing
	Locator    Locator
	// Confinement is the operation's; nil if it has none or no operation decided.
	Confinement *Confinement
	// SeveralReadings is true when another server could read the path otherwise
	// than it was read here: /search.json is /search to some. The strictest
	// reading decided, which is not necessarily Jira's own.
	SeveralReadings bool

	path string // as read, for Param
}

func (op *Operation) match(path string) Match {
	return Match{
		Method: op.Method, Template: op.Path, Source: op.Source, Reason: op.Reason,
		Addressing: op.Addressing, Locator: op.Locator, Confinement: op.Confinement, path: path,
	}
}

// Param returns the segment of the path that stands for {name} in the template,
// as it was sent: still percent-encoded. It allocates nothing.
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

// String returns what decided in one line.
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

// What decided where no operation did.
var (
	byMethod     = Match{Source: SourceMethod}
	undocumented = Match{Source: "undocumented", Reason: "Jira's own API, but no documented operation; what may change something needs admin"}
	oddMethod    = Match{Source: "method", Reason: "no method of Jira's API"}
	crowded      = Match{Source: "table", Reason: "too many operations fit this path; the configuration's own should be narrower"}
	tooMany      = Match{Source: "path", Reason: "ends in more extensions than any request needs"}
)

// Addressing is what an operation is about.
type Addressing string

// The values of Addressing. An operation on a global list is about whatever the
// account can see of one kind; AddressingSearch is about what a JQL query finds.
const (
	AddressingIssue      Addressing = "issue"
	AddressingProject    Addressing = "project"
	AddressingSearch     Addressing = "search-jql"
	AddressingGlobalList Addressing = "global-list"
	AddressingUser       Addressing = "user"
	AddressingAdmin      Addressing = "admin"
	AddressingOther      Addressing = "other"
)

// Locator says where a request names what it is about.
type Locator struct {
	// In is path, query or body; indirect when the request names something else
	// that belongs to it, such as a comment of an issue; and empty when the table
	// does not say, or the operation takes it in several places.
	In string
	// What is the parameter, field or way, in the table's words.
	What string
}
