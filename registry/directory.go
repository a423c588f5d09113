package registry

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Directory knows the groups of owners and, by the policy, their rights. It answers
// from memory. It is safe for concurrent use.
type Directory struct {
	policy     *policy.Policy
	configured map[string]policy.Group
	current    atomic.Pointer[people]

	learning sync.Mutex
	said     map[string]Facts
	signIns  map[string][]SignIn
}

// Facts are what another directory, such as Jira, says about an owner.
type Facts struct {
	// Name is the owner's name as it was asked for.
	Name string
	// Groups are the groups that the owner is in.
	Groups []string
	// Inactive means that the owner has left, or does not exist there.
	Inactive bool
	// Unknown means that the groups, and whether the owner is still active, are not
	// known, or no longer.
	Unknown bool
	// Why says why the owner is inactive or unknown, if there is more to say, such as
	// "is not a user in Jira".
	Why string
	// ConfirmedAt is when this was last confirmed.
	ConfirmedAt time.Time
	// ReturnedAt is when the owner was last found not to be inactive any longer; zero if the
	// owner has never been inactive.
	ReturnedAt time.Time
}

// SignIn is what an identity provider said about an owner who signed in there.
type SignIn struct {
	// Name is the owner's name as the provider spells it.
	Name string
	// Via names the provider.
	Via string
	// Groups are the groups that the owner is in, unless Lapsed is set: that was too long
	// ago.
	Groups []string
	Lapsed bool
	// At is when that was.
	At time.Time
}

// people is what is known about owners at one time.
type people struct {
	// byName holds the owners about whom something is known, by their folded names.
	byName map[string]*Person
	// others are the rights of all other owners.
	others *policy.Rights
}

// Person is what is known about an owner.
type Person struct {
	Facts
	// Rights are the owner's rights by the policy.
	Rights *policy.Rights

	// signIns is what identity providers said, and besides are the groups that the owner
	// has without them.
	signIns []SignIn
	besides []string
}

// NewDirectory returns a directory of the configured groups for a policy.
func NewDirectory(rules *policy.Policy, configured map[string]policy.Group) *Directory {
	d := &Directory{policy: rules, configured: configured}
	d.Learn(nil)
	return d
}

// Learn replaces what another directory says about owners, by their folded names.
func (d *Directory) Learn(facts map[string]Facts) {
	d.learning.Lock()
	defer d.learning.Unlock()
	d.said = facts
	d.compose()
}

// LearnSignIns replaces what identity providers said about owners, by their folded names.
// It adds to what another directory says: an owner has the groups that any of them says,
// and has left if the other directory says so.
func (d *Directory) LearnSignIns(signIns map[string][]SignIn) {
	d.learning.Lock()
	defer d.learning.Unlock()
	d.signIns = signIns
	d.compose()
}

// compose puts together what is known about owners.
func (d *Directory) compose() {
	next := &people{byName: make(map[string]*Person, len(d.said)), others: d.policy.Rights(nil)}
	persons := make([]Person, 0, len(d.said)) // one allocation for all
	for name, said := range d.said {
		persons = append(persons, Person{Facts: said})
		next.byName[name] = &persons[len(persons)-1]
	}
	for group, members := range d.configured {
		for _, member := range members.Members {
			name := token.Fold(member)
			person := next.byName[name]
			if person == nil {
				person = &Person{Facts: Facts{Name: member}}
				next.byName[name] = person
			}
			person.Groups = append(slices.Clip(person.Groups), group)
		}
	}
	for name, signIns := range d.signIns {
		person := next.byName[name]
		if person == nil {
			person = &Person{Facts: Facts{Name: signIns[0].Name}}
			next.byName[name] = person
		}
		_, said := d.said[name]
		person.addSignIns(signIns, said)
	}
	d.addRights(next)
	d.current.Store(next)
}

// addSignIns adds what identity providers said. If no other directory says anything about
// the person, that also is when the person was last confirmed.
func (p *Person) addSignIns(signIns []SignIn, said bool) {
	p.signIns, p.besides = signIns, slices.Clip(p.Groups)
	p.Groups = p.besides
	lapsed := true
	var last time.Time
	for _, signIn := range signIns {
		if !signIn.Lapsed {
			p.Groups = append(p.Groups, signIn.Groups...)
			lapsed = false
		}
		if signIn.At.After(last) {
			last = signIn.At
		}
	}
	if said {
		return
	}
	p.ConfirmedAt = last
	if lapsed {
		p.Unknown, p.Why = true, "has not signed in since "+token.FormatTime(last)
	}
}

// addRights sets everybody's rights, which depend on the groups that have rules.
func (d *Directory) addRights(everybody *people) {
	ruled := make(map[string]bool)
	for _, group := range d.policy.Groups() {
		ruled[group] = true
	}
	known := make(map[string]*policy.Rights)
	var key []byte
	for _, person := range everybody.byName {
		if !slices.IsSorted(person.Groups) {
			person.Groups = slices.Sorted(slices.Values(person.Groups))
		}
		person.Groups = slices.Compact(person.Groups)
		key = key[:0]
		for _, group := range person.Groups {
			if ruled[group] {
				key = append(append(key, group...), 0)
			}
		}
		if person.Rights = known[string(key)]; person.Rights == nil {
			person.Rights = d.policy.Rights(person.Groups)
			known[string(key)] = person.Rights
		}
	}
}

// Person returns what is known about an owner.
func (d *Directory) Person(owner string) Person {
	if person := d.current.Load().find(owner); person != nil {
		return *person
	}
	return Person{Facts: Facts{Name: owner}, Rights: d.current.Load().others}
}

// PersonVia returns what is known about an owner who has signed in with an identity
// provider. Groups that another provider has told do not count: it may know somebody else
// by that name. If via is empty, all count.
func (d *Directory) PersonVia(owner, via string) Person {
	person := d.Person(owner)
	if via == "" || len(person.signIns) == 0 {
		return person
	}
	person.Groups = slices.Clone(person.besides)
	for _, signIn := range person.signIns {
		if signIn.Via == via && !signIn.Lapsed {
			person.Groups = append(person.Groups, signIn.Groups...)
		}
	}
	slices.Sort(person.Groups)
	person.Groups = slices.Compact(person.Groups)
	person.Rights = d.policy.Rights(person.Groups)
	return person
}

// Standing returns what the policy says about a token now. The record may be one that
// is not stored yet.
func (d *Directory) Standing(record *token.Record) policy.Standing {
	people := d.current.Load()
	standing := policy.Standing{Rights: people.others}
	if owner := people.find(record.Owner); owner != nil {
		standing.Rights = owner.Rights
		// Other kinds of owners have no account in Jira that they could lose.
		if owner.Inactive && record.Kind == token.KindUser {
			standing.Suspension = &policy.Suspension{Owner: "the owner " + record.Owner + " " + owner.why()}
			return standing
		}
	}
	if record.Responsible != "" {
		if responsible := people.find(record.Responsible); responsible != nil && responsible.Inactive {
			standing.Suspension = &policy.Suspension{Owner: "the person who is responsible for the token " + responsible.why(), Responsible: record.Responsible}
			return standing
		}
	}
	if violation := standing.Rights.Violation(record); violation != nil {
		standing.Suspension = &policy.Suspension{Violation: violation}
	}
	return standing
}

// find returns the named owner, or nil if nothing is known. It is part of every
// decision, and does not allocate.
func (p *people) find(owner string) *Person {
	var folded [token.MaxOwnerLength]byte
	return p.byName[string(token.AppendFold(folded[:0], owner))]
}

// why says why a person is inactive.
func (p *Person) why() string {
	if p.Why != "" {
		return p.Why
	}
	return "is no longer active"
}
