package redact

// anyProject is a project, known to be inside. Its insight is dropped: it counts issues that may be outside.
var anyProject = objectOf(with(
	keepAll("expand", "self", "id", "key", "name", "description", "lead", "assigneeType", "url", "email", "avatarUrls",
		"projectTypeKey", "simplified", "style", "isPrivate", "favourite", "archived", "archivedBy", "archivedDate", "deleted",
		"deletedBy", "deletedDate", "retentionTillDate", "entityId", "uuid", "projectCategory", "projectKeys",
		"roles", "issueTypeHierarchy", "permissions"),
	object{
		"properties": mapOf(unknown),
		"components": arrayOf(component),
		"versions":   arrayOf(version),
		"issueTypes": arrayOf(scoped),
	}))

// project is a project that may be outside.
var project = judged(anyProject, insideProject)

var projectAnswers = map[string]*shape{
	"project":  anyProject,
	"projects": either(countedPage("values", project), arrayOf(project)),
}

// component and version are a project's own. The counts of a version's issues are dropped: some may be outside.
var (
	component = objectOf(keepAll("self", "id", "name", "description", "lead", "leadUserName", "leadAccountId", "assigneeType",
		"assignee", "realAssigneeType", "realAssignee", "isAssigneeTypeValid", "project", "projectId", "archived", "deleted"))
	version = objectOf(keepAll("expand", "self", "id", "name", "description", "archived", "released", "startDate",
		"releaseDate", "overdue", "userStartDate", "userReleaseDate", "project", "projectId", "moveUnfixedIssuesTo", "driver",
		"approvers", "startDateSet", "releaseDateSet"))
)
