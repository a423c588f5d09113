package redact

// component and version belong to a project. The numbers of their issues are dropped: some may be outside.
var (
	component = judged(anyComponent, insideOwner)
	version   = judged(anyVersion, insideOwner)
)

var (
	anyComponent = objectOf(kept("self", "id", "name", "description", "lead", "leadUserName", "leadAccountId",
		"assigneeType", "assignee", "realAssigneeType", "realAssignee", "isAssigneeTypeValid", "project", "projectId",
		"archived", "deleted"))
	anyVersion = objectOf(kept("expand", "self", "id", "name", "description", "archived", "released", "startDate",
		"releaseDate", "overdue", "userStartDate", "userReleaseDate", "project", "projectId", "moveUnfixedIssuesTo", "driver",
		"approvers", "startDateSet", "releaseDateSet"))
)

// componentOrPage is a component, or a page of those of a project.
var componentOrPage = &shape{
	members: with(countedPage(component, "values").members, with(anyComponent.members, object{"projectId": projectID})),
	counted: true,
}

// insideOwner decides about an object that may name its project.
func insideOwner(in *view, v value) bool {
	if !v.isObject() {
		return false
	}
	id, key := v.find("projectId").text(), v.find("projectKey").text()
	return len(id) == 0 && len(key) == 0 || in.Project(string(id), string(key))
}

// relatedWork is a link of a version, perhaps to an issue.
var relatedWork = judged(objectOf(kept("relatedWorkId", "category", "title", "url", "issueId")), insideRelated)

func insideRelated(in *view, v value) bool {
	if !v.isObject() {
		return false
	}
	issue := v.find("issueId").text()
	return len(issue) == 0 || in.Issue(string(issue), "")
}

var versionAnswers = map[string]*shape{
	"component":        componentOrPage,
	"components":       arrayOf(component),
	"component-counts": objectOf(scalars("self", "issueCount")),
	"version":          version,
	"versions":         either(countedPage(version, "values"), arrayOf(version)),
	"version-counts": objectOf(with(
		scalars("self", "issuesFixedCount", "issuesAffectedCount", "issueCountWithCustomFieldsShowingVersion",
			"issuesUnresolvedCount", "issuesCount"),
		object{"customFieldUsage": arrayOf(judged(
			objectOf(scalars("fieldName", "customFieldId", "issueCountWithVersionInCustomField")), isUsageShown))})),
	"related-work":  relatedWork,
	"related-works": arrayOf(relatedWork),
}

// isUsageShown decides about a custom field that names a version.
func isUsageShown(in *view, usage value) bool {
	id, name := usage.find("customFieldId").text(), usage.find("fieldName").text()
	return !in.Hides(name) && !in.Hides(append([]byte("customfield_"), id...))
}
