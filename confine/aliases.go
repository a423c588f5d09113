package confine

// aliases are other names under which Jira shows a field of its own, or values
// that follow from it, by the field's ID or name in lower case. The history calls
// some fields by names that they have nowhere else, and on Data Center does not
// give their IDs. Jira Software and Jira Service Management have names of their
// own for some.
var aliases = map[string][]string{
	"attachment":           {"attachments"},
	"comment":              {"comments"},
	"components":           {"Component"},
	"created":              {"createdDate"},
	"epic link":            {"epic"},
	"fixversions":          {"Fix Version"},
	"issuelinks":           {"Link"},
	"parent":               {"epic", "Epic Link", "Parent Issue", "Parent Link", "IssueParentAssociation"},
	"request participants": {"participants"},
	"sprint":               {"closedSprints"},
	"status":               {"currentStatus", "statusCategory", "statuscategorychangedate"},
	"subtasks":             {"Sub-task", "Subtask"},
	"timeestimate":         {"timetracking", "aggregatetimeestimate", "progress", "aggregateprogress"},
	"timeoriginalestimate": {"timetracking", "aggregatetimeoriginalestimate", "workratio"},
	"timespent":            {"timetracking", "aggregatetimespent", "progress", "aggregateprogress", "workratio"},
	"timetracking": {
		"timespent", "timeestimate", "timeoriginalestimate", "aggregatetimespent", "aggregatetimeestimate",
		"aggregatetimeoriginalestimate", "progress", "aggregateprogress", "workratio",
	},
	"versions": {"Version"},
	"worklog":  {"WorklogId", "WorklogTimeSpent"},
}

// addAliases adds the other names of the fields in the set.
func (h *hidden) addAliases() {
	var more []string
	for name := range *h {
		more = append(more, aliases[name]...)
	}
	h.add(more...)
}
