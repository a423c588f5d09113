package page

// Field is an input of a form: what was typed, and what is wrong with it.
type Field struct{ Value, Wrong string }

// Used reports whether there is anything in the input, or wrong with it.
func (f Field) Used() bool { return f.Value != "" || f.Wrong != "" }

// Choice is one of several values.
type Choice struct {
	Value, Text, Hint string
	Chosen            bool
	// Forbidden says why it cannot be chosen, and who can help; empty if it can.
	Forbidden string
}

// TokenForm is the content of the page "new", which creates a token or changes one.
type TokenForm struct {
	// ID is empty for a new token. Name is what the token is called now.
	ID, Name string
	Version  uint64
	// Number tells this form from others, so that it is not sent twice.
	Number string

	Templates []Template
	// Template is the name of the chosen one, or empty as long as none is.
	Template string

	// WantsProjects asks for projects, unless Everything is chosen.
	WantsProjects, Everything bool
	// External is set for a token of an outside person.
	External bool

	// Fields are the inputs that hold a text, by name.
	Fields map[string]Field
	// OnBehalf offers tokens for others, Manage exemptions from the policy.
	OnBehalf, Manage         bool
	Kinds, Scopes, Accounts  []Choice
	Expiries                 []Choice
	HideComments, HoldWrites bool
	// MustHold says why the holding of changes cannot be switched off; empty if it can.
	MustHold string
	// Address is where the person is now.
	Address string
	// Found are the projects that can be added, and FoundNote says what there is to say
	// about them.
	FindProject, FoundNote string
	Found                  []Choice
	// Matches says how many issues the token would see.
	Matches     string
	KnownFields []Choice
	// MayNotAsk offers to leave Jira out; WithoutAsking is what was chosen.
	MayNotAsk, WithoutAsking bool
	// Handover asks for a link instead of the token; NoHandover says why there cannot be
	// one.
	Handover      bool
	HandoverSpans []Choice
	NoHandover    string
	Sentence      string
	// ConfineRequired, ExpiryRule and NetworksRule say what the policy wants. Networks are
	// those that it allows; empty for all.
	ConfineRequired, ExpiryRule, NetworksRule, Networks string
	// MayNot says why no token can be created; empty if one can.
	MayNot string
}

// Has reports whether the form has an input.
func (f TokenForm) Has(input string) bool {
	switch input {
	case "owner", "kind":
		return f.OnBehalf
	case "responsible":
		return f.OnBehalf || f.ID != ""
	case "exempt":
		return f.Manage
	case "handover", "handover_for":
		return f.ID == "" && f.NoHandover == ""
	}
	_, ok := f.Fields[input]
	return ok
}

// Template is a kind of token to start from.
type Template struct {
	Name, Title, Text, URL string
	// Forbidden says why it cannot be chosen; empty if it can.
	Forbidden string
}
