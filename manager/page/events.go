package page

// Event is an event of the trail, in words.
type Event struct {
	ID string
	// At is when it was recorded, which is what orders events: several requests that are
	// alike are recorded as one event, later than they were.
	At    Moment
	Text  string
	Actor string
	// About is what it is about, Owner whose that is, and URL leads there.
	About, Owner, URL string
	// Request says which request it is about, and Count how many such there were.
	Request, Count string
	Change         []Change
}

// EventDetails is the content of the page "event".
type EventDetails struct {
	Event
	// Until is when the last of several requests was, At when the first was; zero for
	// one.
	Until Moment
	// Raw is the event as JSON.
	Raw string
	// Proof proves that the event is in the trail. If it is empty, NoProof says why.
	Proof, NoProof string
}

// Change is a field before and after.
type Change struct {
	Field    string
	Old, New Value
}

// Value is the value of a field. Its Text is empty if there is none.
type Value struct {
	Text string
	// At is set if it is a time.
	At Moment
}

// Trail is the content of the page "trail".
type Trail struct {
	// Asked are the filters, by their names.
	Asked          map[string]string
	Kinds          []Filter
	Events         []Event
	Filtered       bool
	Previous, Next string
	Exports        []Hint
	// Proof says up to where the trail is proven.
	Proof State
}
