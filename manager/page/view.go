package page

import "time"

// Moment is a time, with how far away it is in words.
type Moment struct {
	At    time.Time
	Words string
}

// Machine returns the time for programs.
func (m Moment) Machine() string { return m.At.UTC().Format(time.RFC3339) }

// Exact returns the time for people, in UTC: the script shows the reader's own zone.
func (m Moment) Exact() string { return m.At.UTC().Format("2 January 2006, 15:04") + " UTC" }

// IsZero reports whether there is no such time.
func (m Moment) IsZero() bool { return m.At.IsZero() }

// State is a state in words.
type State struct {
	Word, Reason string
	Tone         Tone
}

// Use is the last use of a token.
type Use struct {
	Moment
	Address, UserAgent string
}

// TokenRow is a token in a list.
type TokenRow struct {
	ID, Name, Owner, Kind string
	// Sentence says what the token can do.
	Sentence string
	// Account says which account the token uses; empty for the default one.
	Account string
	State   State
	Ends    Moment
	// Over means that it will never work again, and Off that it only works again if
	// somebody enables it.
	Over, Off bool
	Used      Use
}

// Hint is a sentence that leads somewhere, such as to the tokens that end soon.
type Hint struct{ Text, URL string }

// Filter is a choice that is a link.
type Filter struct {
	Text, URL string
	Current   bool
}

// TokenList is the content of the pages "tokens" and "all".
type TokenList struct {
	Hints []Hint
	// Search is what is searched for. Kept are the other parameters of the list.
	Search  string
	Kept    map[string]string
	Filters []Filter
	Rows    []TokenRow
	// Filtered reports whether the list may be empty because of a filter.
	Filtered       bool
	Previous, Next string
	// MayNotCreate says why no token can be created; empty if one can.
	MayNotCreate string
}

// Shown is the content of the page "shown": a token, or the link to one.
type Shown struct {
	ID, Name, Owner, Sentence string
	Ends                      Moment
	// Token is shown once. If it is empty, HandoverURL leads to it.
	Token, HandoverURL string
	HandoverEnds       Moment
	// Gateway is the URL for clients. TryURL is where the token is tried; empty if this
	// page cannot send requests there.
	Gateway, TryURL string
	Tried           Tried
	Samples         []Sample
	Rotated         bool
	OldUntil        Moment
	Pending         bool
	// NotTried means that the reader cannot try it, and Next is where the reader goes on.
	NotTried bool
	Next     string
}

// Tried is what was answered when a token was tried: in words, and the body. Both are empty
// if it was not.
type Tried struct{ Answer, Body string }

// Sample is ready lines for a client.
type Sample struct{ ID, Name, Text, Lines string }

// TokenDetails is the content of the page "token".
type TokenDetails struct {
	TokenRow
	// Verdict is set if the token waits, for people who manage. Held are its changes that
	// wait.
	Verdict *Verdict
	Held    []HeldRow
	// Ended says what ended it or switched it off, and who did that; empty if nobody did
	// lately. EndedAt is when.
	Ended   string
	EndedAt Moment
	Facts   []Fact
	Actions []Action
	Events  []Event
	Chart   Chart
	Probe   Probe
	Address string
}

// Fact is something known about a thing.
type Fact struct {
	Name, Text string
	Moment     Moment
	URL        string
}

// Action is something that can be done, after a question.
type Action struct {
	// Name ends the path of the action.
	Name, Button, Question, Consequence string
	Danger                              bool
	// Forbidden says why it cannot be done; empty if it can.
	Forbidden string
	// Reason is the label of the reason to give, or empty if none is asked for.
	Reason string
	// Given is the reason that was typed, and Wrong what is wrong with it.
	Given, Wrong string
	// HandsOver asks for a link to the new token instead of the token.
	HandsOver bool
	// Overlaps are how long a rotated token can go on working, and HandoverSpans how long
	// the link to a new one can be opened.
	Overlaps, HandoverSpans []Choice
	// Typed is what must be typed to confirm; empty if nothing.
	Typed string
}

// Chart is how much a token was used, day by day.
type Chart struct {
	Width, Height            int
	Bars                     []Bar
	Requests, Denials, Bytes uint64
	// First and Last are the days at the ends, Most and MostBytes what the highest bars
	// stand for.
	First, Last, Most, MostBytes string
	Summary                      string
}

// Bar is a day in a chart: texts, and where its bars begin and how high they are.
type Bar struct {
	Day, Title, Bytes        string
	Requests, Denials        uint64
	X, Allowed, Denied, Sent int
	AllowedY, DeniedY, SentY int
}

// Probe is the question whether a request would pass, and its answer at each gateway.
type Probe struct {
	Method, Path, Address string
	Methods               []Choice
	// Wrong says why there is no answer.
	Wrong   string
	Answers []ProbeAnswer
}

// ProbeAnswer is what a gateway would do with a request.
type ProbeAnswer struct {
	// Site is empty if there is only one gateway.
	Site   string
	State  State
	Steps  []Step
	Answer string
}

// Step is a step of a request.
type Step struct {
	State State
	Name  string
	Text  string
}

// Confirm is the content of the page "confirm": a question before something is done.
type Confirm struct {
	ID      string
	Version uint64
	Action  Action
	// Button is the action's, with the name of what it is done to.
	Button string
	// Verdict is set if the question is whether a token is approved.
	Verdict *Verdict
}

// SignIn is the content of the page "signin".
type SignIn struct {
	// Known says who somebody is without signing in, and GoOn leads on; empty if that is
	// not known.
	Known string
	GoOn  Hint
	Ways  []Hint
	// WithToken offers to sign in with a token.
	WithToken    bool
	Owner, Token Field
	Next         string
	// Kept is the form that was sent without a session; nil if there was none.
	Kept *Kept
}

// Problem is the content of the page "error".
type Problem struct {
	// URL leads on. Button says where to; "Back" if it is empty.
	Text, URL, Button string
	// Kept is the form that was not accepted; nil if there was none.
	Kept *Kept
}

// Kept is a form that was not accepted, without its secrets.
type Kept struct {
	// Token is one that was shown once and is on no other page; empty if there is none.
	Token string
	// Typed is what was typed, for people.
	Typed []Fact
	// Action is where the form can be sent again, by a button; empty if that does not help.
	Action, Button string
	Fields         []KeptField
	// To and Encoded are the path below the mount and the fields, to be sent along with a
	// credential.
	To, Encoded string
}

// KeptField is a field of a form.
type KeptField struct{ Name, Value string }

// Ask is the content of the page "ask": a question before something is done.
type Ask struct {
	Back, BackText        string
	Question, Consequence string
	// Rows are the tokens that it is about.
	Rows []TokenRow
	// Typed is what must be typed to confirm, and Confirmed what was.
	Typed     string
	Confirmed Field
	Button    string
	Danger    bool
	// Refused means that it cannot be done.
	Refused bool
	// Revision and Digest are those of what it is about, if it has any.
	Revision, Digest string
}
