package redact

// anyProject is a project, known to be inside. Its insight is dropped: it counts issues that may be outside.
var anyProject = objectOf(with(
	kept("expand", "self", "id", "key", "name", "description", "lead", "assigneeType", "url", "email", "avatarUrls",
		"projectTypeKey", "simplified", "style", "isPrivate", "favourite", "archived", "archivedBy", "archivedDate", "deleted",
		"deletedBy", "deletedDate", "retentionTillDate", "entityId", "uuid", "projectCategory", "projectKeys",
		"roles", "issueTypeHierarchy", "permissions"),
	object{
		"properties": mapOf(unknown),
		"components": arrayOf(component),
		"versions":   arrayOf(version),
		"issueTypes": arrayOf(issueType),
	}))

// requestedProject is the project that the request named. It is read piece by piece: it may have thousands of versions.
var requestedProject = objectOf(with(anyProject.members, object{"id": projectID}))

// projectID is the ID of a project that must be inside: Jira was asked for no other.
var projectID = vital(scalar, insideProjectID)

func insideProjectID(in *view, id value) bool { return in.Project(string(id.text()), "") }

// project is a project that may be outside.
var project = judged(anyProject, insideProject)

// projectPage is a page of projects, or all of them.
var projectPage = either(countedPage(project, "values"), arrayOf(project))

var projectAnswers = map[string]*shape{
	"project":  requestedProject,
	"projects": projectPage,
	// The picker's header says how many projects match, and its HTML repeats their names.
	"picked-projects": countedPage(judged(objectOf(kept("id", "key", "name", "avatar")), insideProject), "projects"),
	"project-features": objectOf(object{"features": arrayOf(objectOf(kept("projectId", "state", "toggleLocked", "feature",
		"prerequisites", "localisedName", "localisedDescription", "imageUri")))}),
	"project-statuses": arrayOf(judged(objectOf(with(
		kept("self", "id", "name", "description", "iconUrl", "subtask"),
		object{"statuses": arrayOf(status)})), insideScope)),
	"hierarchy":       objectOf(object{"projectId": scalar, "hierarchy": keep}),
	"security-levels": objectOf(object{"levels": arrayOf(objectOf(kept("self", "id", "name", "description", "isDefault")))}),
	"avatars":         objectOf(object{"system": keep, "custom": keep}),
	"property":        property,
	"property-keys":   objectOf(object{"keys": arrayOf(objectOf(object{"self": scalar, "key": scalar}))}),
}

// property is a property of an issue, a comment or another thing, which apps set.
var property = objectOf(object{"self": scalar, "key": scalar, "value": unknown})
