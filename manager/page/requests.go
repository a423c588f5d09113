package page

// Verdict is what somebody looks at who decides about a token that waits for approval.
type Verdict struct {
	Sentence string
	Facts    []Fact
	// MayNot says why the reader cannot decide; empty if the reader can.
	MayNot string
}

// Requests is the content of the page "requests": the tokens and the changes that wait.
type Requests struct {
	Tokens         []PendingToken
	Previous, Next string
	Held           []HeldRow
	// MoreHeld is set if there are more changes than those.
	MoreHeld bool
}

// PendingToken is a token in a list that waits for approval.
type PendingToken struct {
	TokenRow
	Verdict Verdict
}

// HeldRow is a held change in a list.
type HeldRow struct {
	ID, Method, URI, Jira string
	TokenID, Token, Owner string
	State                 State
	Asked, Ends           Moment
	// MayDecide means that the reader can decide about it.
	MayDecide bool
	// DecidedBy, Decided and Why are set once somebody has decided.
	DecidedBy, Why string
	Decided        Moment
}

// Held is the content of the page "request": a held change.
type Held struct {
	HeldRow
	// Pending means that it can be decided. MayNot says why the reader cannot do that; empty
	// if the reader can.
	Pending bool
	MayNot  string
	// MayReject means that the reader, whose token it is, can reject it all the same.
	MayReject   bool
	Differences []Difference
	// NotCompared says why what Jira has now is not known; empty if it is.
	NotCompared string
	// Body is the request's body, Size its length and Digest its SHA-256. Parts are the
	// parts of a form.
	Body, Digest string
	Size         int
	Parts        []string
	// Reason is what was typed.
	Reason Field
}

// Difference is a field that a change would change. Before and After are what the old and
// the new text have in common.
type Difference struct{ Field, ID, Before, Old, New, After string }
