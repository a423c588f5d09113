package confine

// Kind is why a request of a confined token is refused.
type Kind int

// The kinds.
const (
	// Outside is for what is outside the view or does not exist: the error is the
	// same for both.
	Outside Kind = iota + 1
	// NotConfinable is for operations and parameters that cannot be confined.
	NotConfinable
	// BadQuery is for JQL that cannot be parsed or would look outside.
	BadQuery
	// Ambiguous is for requests that two servers could read differently.
	Ambiguous
	// Unanswered is for requests about which Jira could not be asked.
	Unanswered
)

// Error is the refusal of a request.
type Error struct {
	Kind Kind
	// Message is for the user of the client. It says nothing about what is
	// outside.
	Message string
	// Hint says, for an administrator and never for the client, what is outside; it
	// may be empty. Project is the key of the project that it is in, if that is known
	// and the project is outside.
	Hint, Project string
	// Err is the cause, for the log; it may be nil.
	Err error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + " (" + e.Err.Error() + ")"
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// errNoIssue and noProject use Jira's own words.
var errNoIssue = &Error{Kind: Outside, Message: "Issue does not exist or you do not have permission to see it."}

// errNoRule is for operations and parameters without a rule.
var errNoRule = &Error{Kind: NotConfinable, Message: "This operation cannot be confined."}

func noProject(key string) error {
	return &Error{Kind: Outside, Message: "No project could be found with key '" + key + "'."}
}
