package redact

// open is for answers that reveal nothing about projects, issues and their fields. Dropped are the account's groups and
// applications, which show who else uses Jira, and the schemes and projects that use an entry of a catalogue.
var open = &shape{members: openMembers, others: unknown, elements: openEntry, scalar: true}

var (
	openEntry   = judged(&shape{members: openDropped, others: unknown, scalar: true}, insideUnknown)
	openDropped = named(nil, []string{"groups", "applicationRoles", "schemes", "projects", "project", "issues"})
	openMembers = with(openDropped, object{"values": arrayOf(openEntry)})
)

// insideUnknown decides about a value of unknown kind.
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
