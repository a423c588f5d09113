package redact

// user is a person. Groups are dropped: they show who else uses Jira.
var user = objectOf(kept("self", "key", "name", "accountId", "accountType", "emailAddress", "avatarUrls", "displayName",
	"active", "deleted", "timeZone", "locale", "_links"))

var peopleAnswers = map[string]*shape{
	"watchers": objectOf(object{
		"self": scalar, "isWatching": scalar, "watchCount": scalar, "watchers": arrayOf(user),
	}),
	"watching":      objectOf(object{"issuesIsWatching": mapOf(scalar)}),
	"votes":         objectOf(object{"self": scalar, "votes": scalar, "hasVoted": scalar, "voters": arrayOf(user)}),
	"users":         either(page(user, "values"), arrayOf(user)),
	"mypermissions": objectOf(object{"permissions": keep}),
	"permitted": objectOf(object{
		"projectPermissions": arrayOf(objectOf(object{"permission": scalar, "issues": arrayOf(scalar), "projects": arrayOf(scalar)})),
		"globalPermissions":  arrayOf(scalar),
	}),
}
