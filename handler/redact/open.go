package redact

// open is what says nothing of projects, issues and their fields. The account's groups and applications say who else uses
// Jira, and the schemes and projects of a catalogue's entries where it is used.
var open = &shape{members: openMembers, others: unknown, elements: openEntry, scalar: true}

var (
	openEntry   = judged(&shape{members: openDropped, others: unknown, scalar: true}, insideUnknown)
	openDropped = named(nil, []string{"groups", "applicationRoles", "schemes", "projects", "project", "issues"})
	openMembers = with(openDropped, object{"values": arrayOf(openEntry)})
)

// insideUnknown decides about a value whose kind nobody knows.
func insideUnknown(in *view, v value) bool {
	if !v.isObject() {
		return true
	}
	r := refer(v)
	return r.inside(in)
}

var openAnswers = map[string]*shape{
	"open": open,
}
