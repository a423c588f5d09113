package page

// OwnerList is the content of the page "owners".
type OwnerList struct {
	Search, State, Group string
	Filters              []Filter
	Rows                 []OwnerRow
	// Total is how many there are, if not all are listed. Damaged counts the tokens whose
	// owners are unknown.
	Total   int
	Damaged int
}

// OwnerRow is an owner in a list.
type OwnerRow struct {
	Name, URL, Kind, Rules string
	Groups                 []Hint
	State                  State
	Tokens                 []Hint
	Confirmed              Moment
}

// OwnerDetails is the content of the page "owner".
type OwnerDetails struct {
	OwnerRow
	// Rights are what the policy allows.
	Rights []Fact
	// Rows are the newest tokens, and Alive counts those that are not revoked.
	Rows  []TokenRow
	Alive int
	// All and Trail lead to all tokens and events. Revoke and Transfer are empty if there
	// is nothing to end or to give.
	All, Trail, Revoke, Transfer string
}

// Transfer is the content of the page "transfer", which asks who gets an owner's tokens and
// then shows what would happen.
type Transfer struct {
	Ask
	From string
	To   Field
	// Previewed is set once it is known what would happen: Preview says so, and LeftOut
	// lists the tokens that stay. Nothing means that all do.
	Previewed, Nothing bool
	Preview            string
	LeftOut            []string
	// Stranger means that nothing is known about the new owner.
	Stranger bool
}
