package confine

import (
	"context"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// queryField is a field that queries of confined tokens may use.
type queryField struct {
	// called is its name in the client's query, field its name in the query that
	// goes to Jira.
	called string
	field  jql.Field
	kind   *fieldKind
	// history is set if it can be used with WAS and CHANGED, unsortable if it cannot
	// be used in ORDER BY.
	history, unsortable bool
}

// systemField is a field of Jira's own.
type systemField struct {
	// names are its names in JQL, in any letter case.
	names []string
	kind  *fieldKind
	// looksInto are the IDs of the fields whose values it shows: if any of them is
	// hidden, it is too.
	looksInto           []string
	history, unsortable bool
}

// systemFields are the fields of Jira's own that say nothing about what is
// outside. Not among them: filter, request and their like, which are other
// people's queries; issueLinkType, which may link to an issue outside; level and
// category, whose values are names; lastViewed, which is the account's; entity
// properties, which are the data of apps.
var systemFields = []systemField{
	{names: []string{"project"}, kind: &projectKind, looksInto: []string{"project"}},
	{names: []string{"issuetype", "type"}, kind: &typeKind, looksInto: []string{"issuetype"}},
	{names: []string{"status"}, kind: &statusKind, looksInto: []string{"status"}, history: true},
	{names: []string{"statusCategory"}, kind: &wordKind, looksInto: []string{"status", "statusCategory"}},
	{names: []string{"priority"}, kind: &levelKind, looksInto: []string{"priority"}, history: true},
	{names: []string{"resolution"}, kind: &levelKind, looksInto: []string{"resolution"}, history: true},
	{names: []string{"assignee"}, kind: &userKind, looksInto: []string{"assignee"}, history: true},
	{names: []string{"reporter"}, kind: &userKind, looksInto: []string{"reporter"}, history: true},
	{names: []string{"creator"}, kind: &userKind, looksInto: []string{"creator"}},
	{names: []string{"created", "createdDate"}, kind: &dateKind, looksInto: []string{"created"}},
	{names: []string{"updated", "updatedDate"}, kind: &dateKind, looksInto: []string{"updated"}},
	{names: []string{"due", "duedate"}, kind: &dateKind, looksInto: []string{"duedate"}},
	{names: []string{"resolved", "resolutiondate"}, kind: &dateKind, looksInto: []string{"resolutiondate"}},
	{names: []string{"statusCategoryChangedDate"}, kind: &dateKind, looksInto: []string{"status", "statuscategorychangedate"}},
	{names: []string{"labels"}, kind: &wordKind, looksInto: []string{"labels"}},
	{names: []string{"component", "components"}, kind: &componentKind, looksInto: []string{"components"}},
	{names: []string{"fixVersion", "fixVersions"}, kind: &versionKind, looksInto: []string{"fixVersions"}, history: true},
	{names: []string{"affectedVersion", "affectedVersions"}, kind: &versionKind, looksInto: []string{"versions"}},
	{names: []string{"summary"}, kind: &textKind, looksInto: []string{"summary"}},
	{names: []string{"description"}, kind: &textKind, looksInto: []string{"description"}},
	{names: []string{"environment"}, kind: &textKind, looksInto: []string{"environment"}},
	{names: []string{"comment"}, kind: &textKind, looksInto: []string{"comment", token.HideInternalComments}, unsortable: true},
	// text also looks into all custom fields that hold text: see searchesHidden.
	{names: []string{"text"}, kind: &textKind, unsortable: true},
	{names: []string{"key", "issuekey", "issue", "id"}, kind: &issueKind},
	// Sorting by an issue outside would reveal something about its key.
	{names: []string{"parent"}, kind: &issueKind, looksInto: []string{"parent"}, unsortable: true},
	{names: []string{"votes"}, kind: &numberKind, looksInto: []string{"votes"}},
	{names: []string{"watchers"}, kind: &numberKind, looksInto: []string{"watches"}},
	{names: []string{"voter"}, kind: &selfKind, looksInto: []string{"votes"}, unsortable: true},
	{names: []string{"watcher"}, kind: &selfKind, looksInto: []string{"watches"}, unsortable: true},
	{names: []string{"timeSpent"}, kind: &durationKind, looksInto: []string{"timespent", "timetracking"}},
	{names: []string{"timeoriginalestimate", "originalEstimate"}, kind: &durationKind, looksInto: []string{"timeoriginalestimate", "timetracking"}},
	{names: []string{"timeestimate", "remainingEstimate"}, kind: &durationKind, looksInto: []string{"timeestimate", "timetracking"}},
	{names: []string{"workRatio"}, kind: &numberKind, looksInto: []string{"workratio", "timetracking", "timespent", "timeoriginalestimate"}},
	{names: []string{"worklogDate"}, kind: &dateKind, looksInto: []string{"worklog"}, unsortable: true},
	{names: []string{"worklogComment"}, kind: &textKind, looksInto: []string{"worklog"}, unsortable: true},
	{names: []string{"worklogAuthor"}, kind: &userKind, looksInto: []string{"worklog"}, unsortable: true},
	{names: []string{"attachments"}, kind: &presenceKind, looksInto: []string{"attachment"}, unsortable: true},
	// These are custom fields, but every Jira Software has exactly one of each.
	{names: []string{"sprint"}, kind: &sprintKind, looksInto: []string{"sprint"}},
	{names: []string{"rank"}, kind: &rankKind, looksInto: []string{"rank"}},
	{names: []string{"Epic Link"}, kind: &issueKind, looksInto: []string{"epic link", "parent"}, unsortable: true},
	{names: []string{"Epic Name"}, kind: &customTextKind, looksInto: []string{"epic name"}},
}

// customKinds are the kinds of custom fields, by their type in Jira's answer to
// GET field. Fields of other types are an app's, and may look anywhere.
var customKinds = map[string]*fieldKind{
	"com.atlassian.jira.plugin.system.customfieldtypes:textfield":        &customTextKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:textarea":         &customTextKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:readonlyfield":    &customTextKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:url":              &customTextKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:float":            &numberKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:datepicker":       &dateKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:datetime":         &dateKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:labels":           &wordKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:userpicker":       &userKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:multiuserpicker":  &userKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:people":           &userKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:project":          &projectKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:version":          &versionKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:multiversion":     &versionKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:select":           &optionKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:multiselect":      &optionKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:radiobuttons":     &optionKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:multicheckboxes":  &optionKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:cascadingselect":  &presenceKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:grouppicker":      &presenceKind,
	"com.atlassian.jira.plugin.system.customfieldtypes:multigrouppicker": &presenceKind,
	"com.pyxis.greenhopper.jira:gh-sprint":                               &sprintKind,
	"com.pyxis.greenhopper.jira:gh-lexo-rank":                            &rankKind,
	"com.pyxis.greenhopper.jira:gh-epic-link":                            &issueKind,
	"com.pyxis.greenhopper.jira:gh-epic-label":                           &customTextKind,
	"com.pyxis.greenhopper.jira:gh-epic-status":                          &presenceKind,
	"com.pyxis.greenhopper.jira:jsw-story-points":                        &numberKind,
	"com.atlassian.jpo:jpo-custom-field-parent":                          &issueKind,
	"com.atlassian.jpo:jpo-custom-field-baseline-start":                  &dateKind,
	"com.atlassian.jpo:jpo-custom-field-baseline-end":                    &dateKind,
	"com.atlassian.servicedesk:sd-sla-field":                             &slaKind,
	"com.atlassian.servicedesk:sd-customer-organizations":                &presenceKind,
	"com.atlassian.servicedesk:sd-request-participants":                  &presenceKind,
	"com.atlassian.servicedesk:vp-origin":                                &presenceKind,
}

// insteadOf says what to use in place of fields and functions that are often
// used but refused.
var insteadOf = map[string]string{
	"filter":             "the filter's own query",
	"savedfilter":        "the filter's own query",
	"request":            "the filter's own query",
	"searchrequest":      "the filter's own query",
	"category":           "project",
	"level":              "a query without it",
	"issuelinktype":      "the field issuelinks of the issues found",
	"linkedissues":       "the field issuelinks of the issue",
	"issuehistory":       "updated",
	"watchedissues":      "watcher = currentUser()",
	"votedissues":        "voter = currentUser()",
	"membersof":          "the users' IDs",
	"updatedby":          "updated",
	"projectsleadbyuser": "project",
}

// instead returns a sentence for a message; empty if there is nothing to say.
func instead(word string) string {
	if better, ok := insteadOf[strings.ToLower(word)]; ok {
		return " Use " + better + " instead."
	}
	return ""
}

// noField refuses a field. The words are the same for fields that are hidden,
// that do not exist, and that are not allowed.
func noField(name string) error {
	return badQuery("The field %s cannot be used with this token: it does not exist, is hidden, or could show what the token may not see.%s", quoted(name), instead(name))
}

// field returns the field that a query names.
func (q *querying) field(ctx context.Context, named jql.Field) (*queryField, error) {
	switch {
	case len(named.Properties) > 0:
		return nil, badQuery("Entity properties such as %s cannot be used with this token.", quoted(named.Name+"["+named.Properties[0].Key+"]"))
	case named.CustomID != "":
		return q.customField(ctx, "cf["+strings.TrimLeft(named.CustomID, "0")+"]")
	}
	for i := range systemFields {
		for _, name := range systemFields[i].names {
			if strings.EqualFold(name, named.Name) {
				return q.systemField(ctx, &systemFields[i], name, named.Name)
			}
		}
	}
	return q.customField(ctx, named.Name)
}

// systemField returns a field of Jira's own by one of its names. called is how the
// query writes the name.
func (q *querying) systemField(ctx context.Context, f *systemField, name, called string) (*queryField, error) {
	if len(q.view.hide) > 0 {
		hidden, err := q.hidden(ctx)
		if err != nil {
			return nil, err
		}
		refused := slices.ContainsFunc(f.names, hidden.has) || slices.ContainsFunc(f.looksInto, hidden.has)
		if name == "text" && !refused {
			refused, err = q.searchesHidden(ctx)
		}
		if err != nil {
			return nil, err
		}
		if refused {
			return nil, hinted(noField(called), "It is hidden, or it would look into a field that is.")
		}
	}
	return &queryField{called: called, field: jql.Field{Name: name}, kind: f.kind, history: f.history, unsortable: f.unsortable}, nil
}

// searchesHidden reports whether a search in all texts could look into a hidden
// field. It could unless every hidden field is known to hold something else.
func (q *querying) searchesHidden(ctx context.Context) (bool, error) {
	fields, err := q.fields(ctx)
	if err != nil {
		return false, err
	}
	for _, name := range q.view.hide {
		harmless := holdsNoText(name) || slices.ContainsFunc(fields, func(f field) bool {
			kind := customKinds[f.Schema.Custom]
			return f.isCalled(name) && (holdsNoText(f.ID) || kind != nil && kind != &customTextKind)
		})
		if !harmless {
			return true, nil
		}
	}
	return false, nil
}

// holdsNoText reports whether this is the ID of a field of Jira's own that holds
// something other than text.
func holdsNoText(id string) bool {
	return slices.ContainsFunc(systemFields, func(f systemField) bool {
		return f.kind != &textKind && f.kind != &customTextKind &&
			slices.ContainsFunc(f.looksInto, func(other string) bool { return strings.EqualFold(id, other) })
	})
}

// customField returns the custom field with this name in JQL. The query that goes to
// Jira names it by number, because a field outside may have the same name.
func (q *querying) customField(ctx context.Context, name string) (*queryField, error) {
	fields, err := q.fields(ctx)
	if err != nil {
		return nil, err
	}
	hidden, err := q.hidden(ctx)
	if err != nil {
		return nil, err
	}
	inside, err := q.projects(ctx)
	if err != nil {
		return nil, err
	}
	hint := "Jira has no such field, or it is that of another team-managed project."
	var found []field
	for _, f := range fields {
		number, ok := f.number()
		switch {
		case !ok || !f.isCalled(name) && name != "cf["+number+"]":
		case hidden.has(f.ID):
			hint = "It is hidden."
		case f.Scope == nil || q.view.seesAllProjects() || containsProject(inside, f.Scope.Project.ID):
			found = append(found, f)
		}
	}
	switch {
	case len(found) > 1:
		return nil, ambiguous(name, found)
	case len(found) == 0:
		return nil, hinted(noField(name), "%s", hint)
	case customKinds[found[0].Schema.Custom] == nil:
		return nil, hinted(noField(name), "Fields of the type %q are not known to stay inside.", found[0].Schema.Custom)
	}
	number, _ := found[0].number()
	kind := customKinds[found[0].Schema.Custom]
	return &queryField{called: name, field: jql.Field{CustomID: number}, kind: kind, unsortable: kind == &issueKind}, nil
}

// ambiguous refuses a name that several fields have.
func ambiguous(name string, fields []field) error {
	var numbers []string
	for _, f := range fields {
		number, _ := f.number()
		numbers = append(numbers, "cf["+number+"]")
	}
	return badQuery("%s is the name of several fields. Use one of %s instead.", quoted(name), strings.Join(numbers, ", "))
}

// number returns the number of a custom field.
func (f field) number() (string, bool) {
	number, ok := strings.CutPrefix(f.ID, "customfield_")
	return number, ok && isNumber(number)
}
