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
