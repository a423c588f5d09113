package page

// AllTokens is the content of the page "all".
type AllTokens struct {
	TokenList
	Groups []FilterGroup
	Typed  []TypedFilter
	// Set are the filters that are set besides the state. They lead to the list without
	// them.
	Set []Filter
	// Whose is what was typed to find out whose token something is.
	Whose Field
	// Mistaken means that nothing is listed, since the filters have a mistake, and
	// WrongFilters that it is in what was typed.
	Mistaken, WrongFilters bool
	// Query selects the list. More means that it does not fit on the page.
	Query string
	More  bool
}

// FilterGroup is filters of which one is set.
type FilterGroup struct {
	Label   string
	Filters []Filter
	// Set are the filters that are set and cannot be seen otherwise; their URLs remove them.
	Set []Filter
}

// TypedFilter is a filter whose value is typed.
type TypedFilter struct{ Name, Label, Value, Wrong string }

// Bulk is the content of the page "bulk": a question before several tokens are changed.
type Bulk struct {
	// Do is the action.
	Do string
	// Rows are the first of the tokens. Others says how many more there are; empty if none.
	Rows   []TokenRow
	Others string
	// IDs are those of all the tokens, and Versions their versions.
	IDs      []string
	Versions []uint64
	// List is the query of the list that the tokens were selected on, and ListURL leads back
	// to it.
	List, ListURL string
	Extensions    []Choice
	// More says that there are more tokens than can be changed together; empty if not.
	More string

	Question, Consequence, Button string
	// Typed is what must be typed to confirm, and Confirmed what was.
	Typed     string
	Confirmed Field
	Danger    bool
}
