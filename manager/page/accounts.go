package page

// AccountList is the content of the page "accounts".
type AccountList struct {
	Rows []AccountRow
	// MayNotAdd says why none can be added; empty if one can.
	MayNotAdd string
}

// AccountRow is a Jira account in a list.
type AccountRow struct {
	Name, Owner, URL, Jira, User, From string
	State                              State
	Ends                               Moment
}

// AccountDetails is the content of the page "account".
type AccountDetails struct {
	AccountRow
	Facts []Fact
	// Tokens leads to the tokens that use it. Replace and Remove are empty if that cannot
	// be done.
	Tokens, Check, Replace, Remove string
}

// AccountForm is the content of the page "accountform", which adds an account or gives one
// another credential. It never has a secret.
type AccountForm struct {
	// Account is the account's title, Back its page and Jira its Jira; they are empty for a
	// new one.
	Account, Back, Jira string
	Name, User          Field
	// Revision is that of the account.
	Revision string
	// Products are Jira Cloud and Data Center.
	Jiras, Products, Kinds   []Choice
	Scoped                   bool
	Product, Secret, Expires Field
}
