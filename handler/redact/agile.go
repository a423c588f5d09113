package redact

// board is a board. Its administrators are dropped. Its location is the project that it belongs to; Data Center has it for
// some boards only, and the others were checked before Jira was asked.
var board = judged(objectOf(with(
	kept("id", "self", "name", "type", "canEdit", "isPrivate", "favourite"),
	object{"location": location})), insideBoard)

var location = objectOf(kept("projectId", "displayName", "projectName", "projectKey", "projectTypeKey", "avatarURI",
	"name", "id", "key", "type", "self", "projectKeyOrId", "uuid"))

func insideBoard(in *view, board value) bool {
	if !board.isObject() {
		return false
	}
	location := board.find("location")
	return !location.exists() || location.isNull() || insideOwner(in, location)
}

// epic is an epic, known to be inside. Some of its members are fields.
var epic = &shape{fields: true, members: kept("id", "key", "self", "name", "summary", "color", "done", "issueColor")}

// sprint is a sprint of a board inside.
var sprint = objectOf(kept("id", "self", "state", "name", "startDate", "endDate", "completeDate", "activatedDate",
	"createdDate", "originBoardId", "goal", "synced", "autoStartStop", "incompleteIssuesDestinationId"))

// insideSprint decides about a sprint in the list of a board. Jira also lists sprints that were created on other boards but
// hold issues of this one.
func insideSprint(in *view, sprint value) bool {
	board := sprint.find("originBoardId")
	return !board.exists() || in.Board(string(board.text()))
}

// quickFilter is a filter of a board.
var quickFilter = objectOf(object{
	"id": scalar, "boardId": scalar, "name": scalar, "description": scalar, "position": scalar, "jql": jqlText,
})

// insideQuickFilter decides about a filter that was asked for by its ID: its board must be the one that was named.
func insideQuickFilter(in *view, filter value) bool {
	board := filter.find("boardId")
	return filter.isObject() && (!board.exists() || in.Board(string(board.text())))
}

// jqlText is a query that somebody else has written. It may name issues outside.
var jqlText = judged(scalar, insideQuery)

func insideQuery(in *view, query value) bool {
	for key := range issueKeys(query.text()) {
		if !in.Issue("", string(key)) {
			return false
		}
	}
	return true
}

// estimate is the value of the field that a board estimates in.
var estimate = judged(objectOf(scalars("fieldId", "value")), isMetaShown)

var agileAnswers = map[string]*shape{
	"board":  board,
	"boards": countedPage(board, "values"),
	"board-configuration": objectOf(with(
		kept("id", "name", "type", "self", "columnConfig", "ranking"),
		object{
			"location":   judged(location, insideLocation),
			"filter":     objectOf(scalars("id", "self")),
			"subQuery":   objectOf(object{"query": jqlText}),
			"estimation": objectOf(object{"type": scalar, "field": judged(objectOf(scalars("fieldId", "displayName")), isEstimateShown)}),
		})),
	"board-features": objectOf(object{"features": keep}),
	"quickfilter":    judged(quickFilter, insideQuickFilter),
	"quickfilters":   page(quickFilter, "values"),
	"sprint":         sprint,
	"sprints":        page(judged(sprint, insideSprint), "values"),
	"epic":           epic,
	"epics":          countedPage(judged(epic, insideIssue), "values"),
	"estimation":     estimate,
	"reports":        objectOf(object{"reports": arrayOf(unknown)}),
	"velocity":       mapOf(scalar),
	// Errors of single issues are dropped: they are texts.
	"ranked": objectOf(object{"entries": arrayOf(judged(objectOf(scalars("issueId", "issueKey", "status")), insideRanked))}),
}

func insideRanked(in *view, entry value) bool {
	id, key := entry.find("issueId").text(), entry.find("issueKey").text()
	return (len(id) > 0 || len(key) > 0) && in.Issue(string(id), string(key))
}

func isEstimateShown(in *view, field value) bool {
	return isMetaShown(in, field) && !in.Hides(field.find("displayName").text())
}

// insideLocation decides about the location of a board's configuration: a project, named by key or ID.
func insideLocation(in *view, location value) bool {
	if !location.isObject() {
		return false
	}
	id, key := location.find("id").text(), location.find("key").text()
	if len(id) == 0 && len(key) == 0 {
		either := location.find("projectKeyOrId").text()
		return len(either) == 0 || in.Project(string(either), "") || in.Project("", string(either))
	}
	return in.Project(string(id), string(key))
}
