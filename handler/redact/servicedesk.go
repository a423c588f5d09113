package redact

// Pages of Jira Service Management name their elements "values".

// request is a request, known to be inside. Some of its members are fields. Rendered values are dropped: Jira writes the
// titles of mentioned issues into them.
var request = &shape{fields: true, members: with(
	kept("_expands", "issueId", "issueKey", "summary", "requestTypeId", "serviceDeskId", "createdDate", "reporter",
		"currentStatus", "_links", "actions"),
	object{
		"requestType":        requestType,
		"serviceDesk":        anyServiceDesk,
		"requestFieldValues": arrayOf(requestField),
		"status":             page(requestStatus, "values"),
		"participants":       page(user, "values"),
		"sla":                page(sla, "values"),
		"comments":           requestComments,
		"attachments":        page(requestAttachment, "values"),
	})}

// requestField is the value of a field of a request.
var requestField = judged(objectOf(object{"fieldId": scalar, "label": scalar, "value": unknown}), isRequestFieldShown)

func isRequestFieldShown(in *view, field value) bool {
	return isMetaShown(in, field) && !in.Hides(field.find("label").text())
}

func insideRequest(in *view, request value) bool {
	id, key := request.find("issueId").text(), request.find("issueKey").text()
	return (len(id) > 0 || len(key) > 0) && in.Issue(string(id), string(key))
}

var (
	requestStatus     = objectOf(kept("status", "statusCategory", "statusDate"))
	requestAttachment = objectOf(kept("filename", "author", "created", "size", "mimeType", "_links"))
	requestComment    = judged(objectOf(with(
		kept("_expands", "id", "body", "author", "created", "public", "_links"),
		object{"attachments": judged(page(requestAttachment, "values"), areAttachmentsShown)})), isShown)
	requestComments = commentPage(requestComment, "values")
)

// areAttachmentsShown decides about the attachments of a comment.
func areAttachmentsShown(in *view, _ value) bool { return !in.Hides([]byte("attachment")) }

// sla is a goal for how long a request may take. It is the value of a custom field, whose name it has.
var sla = judged(objectOf(kept("id", "name", "completedCycles", "ongoingCycle", "slaDisplayFormat", "_links")), isMetaShown)

// approval is a decision about a request.
var approval = objectOf(kept("id", "name", "finalDecision", "canAnswerApproval", "approvers", "createdDate",
	"completedDate", "approvedStatus", "_links"))

// serviceDesk is a service desk, which belongs to a project.
var (
	anyServiceDesk = objectOf(kept("_expands", "id", "projectId", "projectName", "projectKey", "_links"))
	serviceDesk    = judged(anyServiceDesk, insideServiceDesk)
)

func insideServiceDesk(in *view, desk value) bool {
	return len(desk.find("projectId").text()) > 0 && insideOwner(in, desk)
}

// queue is a queue of a service desk. The number of its issues is dropped: some may be outside.
var queue = objectOf(object{"id": scalar, "name": scalar, "jql": jqlText, "fields": arrayOf(shownField), "_links": keep})

// shownField is the ID of a field.
var shownField = judged(scalar, isFieldShown)

// requestType is a type of requests.
var requestType = objectOf(with(
	kept("_expands", "id", "name", "description", "helpText", "defaultName", "issueTypeId", "serviceDeskId", "portalId",
		"groupIds", "icon", "practice", "canCreateRequest", "restrictionStatus", "_links"),
	object{"fields": requestTypeFields}))

var requestTypeFields = objectOf(object{
	"canRaiseOnBehalfOf": scalar, "canAddRequestParticipants": scalar,
	"requestTypeFields": arrayOf(judged(objectOf(with(
		kept("fieldId", "name", "description", "required", "jiraSchema", "visible"),
		object{"defaultValues": unknown, "validValues": unknown, "presetValues": unknown})), isMetaShown)),
})

var serviceDeskAnswers = map[string]*shape{
	"request":             request,
	"requests":            countedPage(judged(request, insideRequest), "values"),
	"request-comment":     requestComment,
	"request-comments":    requestComments,
	"request-attachments": page(requestAttachment, "values"),
	"request-attached":    objectOf(object{"comment": requestComment, "attachments": page(requestAttachment, "values")}),
	"request-statuses":    page(requestStatus, "values"),
	"request-transitions": page(objectOf(scalars("id", "name")), "values"),
	"sla":                 sla,
	"slas":                page(sla, "values"),
	"approval":            approval,
	"approvals":           page(approval, "values"),
	"subscribed":          objectOf(scalars("subscribed")),
	"feedback":            objectOf(kept("type", "rating", "comment")),
	"servicedesk":         serviceDesk,
	"servicedesks":        countedPage(serviceDesk, "values"),
	"queue":               queue,
	"queues":              page(queue, "values"),
	"queue-issues":        countedPage(judged(issue, insideIssue), "values"),
	"requesttype":         requestType,
	"requesttypes":        page(requestType, "values"),
	"requesttype-fields":  requestTypeFields,
	"requesttypegroups":   page(objectOf(scalars("id", "name")), "values"),
	"requesttype-permissions": objectOf(object{
		"canAdminister": arrayOf(scalar), "canCreateRequest": arrayOf(scalar),
	}),
}
