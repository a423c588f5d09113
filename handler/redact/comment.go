package redact

// comment is a comment that may be internal. Its rendered body is dropped: Jira writes the titles of mentioned issues into it.
var comment = judged(objectOf(with(
	kept("self", "id", "parentId", "author", "body", "updateAuthor", "created", "updated", "visibility", "jsdPublic",
		"jsdAuthorCanSeeRequest"),
	object{"properties": arrayOf(property)})), isShown)

// comments is a page of comments. Some may be internal.
var comments = commentPage(comment, "comments")

var commentAnswers = map[string]*shape{
	"comment":         comment,
	"comments":        comments,
	"pinned-comments": arrayOf(judged(pinned, isPinShown)),
}

// pinned is a comment that was pinned to an issue.
var pinned = objectOf(object{"comment": comment, "pinnedBy": keep, "pinnedDate": keep})

func isPinShown(in *view, pin value) bool {
	comment := pin.find("comment")
	return comment.exists() && isShown(in, comment)
}

// isShown decides about a comment: internal ones may be hidden.
func isShown(in *view, comment value) bool {
	return !in.HidesInternalComments() || isPublic(comment)
}

// isPublic reports whether Jira Service Management shows a comment to customers. Jira says so in one of three ways: in
// jsdPublic, in public (below /rest/servicedeskapi) or in the property sd.public.comment, which Data Center alone has and
// which is missing in comments that have always been public. A comment of which Jira says nothing counts as internal: Data
// Center does not show the properties of comments inside an issue.
func isPublic(comment value) bool {
	if !comment.isObject() {
		return false
	}
	says := false
	for name, v := range comment.members() {
		switch string(name.name()) {
		case "jsdPublic", "public":
			if string(v.raw()) != "true" {
				return false
			}
			says = true
		case "properties":
			if !v.isArray() || internalProperty(v) {
				return false
			}
			says = true
		}
	}
	return says
}

func internalProperty(properties value) bool {
	for p := range properties.elements() {
		if string(p.find("key").text()) != "sd.public.comment" {
			continue
		}
		if internal := p.find("value").find("internal"); internal.exists() && string(internal.raw()) != "false" {
			return true
		}
	}
	return false
}
