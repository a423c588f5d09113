package page

// Overview is the content of the page "overview".
type Overview struct {
	// At is when the numbers were counted.
	At      Moment
	Numbers []Number
	// States are the numbers of tokens by state, and Reasons those of denied requests, to
	// which Denied leads.
	States, Reasons []Count
	Denied          string
}

// Number is a number of the overview, or a word in its place, that leads to what it counts.
type Number struct {
	Text, Label, URL string
	Tone             Tone
	More             []Hint
}

// Count is a row of numbers.
type Count struct{ Text, N, Other, URL string }
