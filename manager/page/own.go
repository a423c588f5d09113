package page

// OwnAccounts is the content of the page "own": the accounts with which the gateway acts as
// a person in Jira.
type OwnAccounts struct {
	// Nowhere says why there can be none; empty if there can.
	Nowhere  string
	Accounts []OwnAccount
}

// OwnAccount is a person's own account at a Jira, and the form for another credential.
type OwnAccount struct {
	Jira      string
	Revision  string
	Connected bool
	State     State
	// As is who Jira says that it is, and By the kind of credential.
	As, By          string
	Ends, Validated Moment

	// MayConsent offers to consent at Jira. Link leads there, until LinkEnds.
	MayConsent bool
	Link       string
	// LeadsBack is set if what is there leads back to this page.
	LeadsBack bool
	LinkEnds  Moment

	// Typing shows the form.
	Typing                bool
	Kinds                 []Choice
	User, Secret, Expires Field
}
