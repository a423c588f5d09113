package redact

import "bytes"

// status and issueType may belong to one project only. Where a status is used is dropped.
var (
	status = judged(objectOf(kept("self", "id", "name", "description", "iconUrl", "statusCategory", "scope",
		"untranslatedName")), insideScope)
	issueType = judged(objectOf(kept("self", "id", "name", "description", "iconUrl", "subtask", "avatarId", "entityId",
		"hierarchyLevel", "scope", "untranslatedName", "expand")), insideScope)
)

// field is a field of Jira. How many projects and screens use it, and when it was last used, is dropped.
var field = judged(objectOf(kept("id", "key", "name", "untranslatedName", "custom", "orderable", "navigable",
	"searchable", "clauseNames", "scope", "schema", "description", "isLocked", "isUnscreenable", "searcherKey",
	"typeDisplayName", "stableId", "self", "numericId", "type", "isManaged", "isTrusted")), isFieldInside)

func isFieldInside(in *view, field value) bool {
	return field.isObject() && insideScope(in, field) && isMetaShown(in, field)
}

// transition is a transition of an issue's workflow.
var transition = objectOf(with(
	kept("id", "name", "to", "hasScreen", "isGlobal", "isInitial", "isAvailable", "isConditional", "expand", "looped",
		"description", "opsbarSequence"),
	object{"fields": metaByField}))

// fieldMeta is what may be entered into a field. The allowed values of project pickers and the like can be outside.
var fieldMeta = objectOf(with(
	kept("required", "schema", "name", "key", "fieldId", "autoCompleteUrl", "hasDefaultValue", "operations",
		"configuration"),
	object{"allowedValues": arrayOf(unknown), "defaultValue": unknown}))

var (
	metaByField = byField(shownMeta)
	shownMeta   = judged(fieldMeta, isMetaShown)
)

// isMetaShown decides about an object that names its field.
func isMetaShown(in *view, meta value) bool {
	if !meta.isObject() {
		return false
	}
	for _, name := range [...]string{"fieldId", "key", "name", "id"} {
		if field := meta.find(name).text(); len(field) > 0 && in.Hides(field) {
			return false
		}
	}
	return true
}

// creatableType is an issue type with its fields, for creating issues.
var creatableType = objectOf(with(issueType.members, object{"fields": metaByField}))

// jqlField is a field that queries may name.
var jqlField = judged(objectOf(kept("value", "displayName", "orderable", "searchable", "auto", "cfid", "operators",
	"types")), isJQLFieldShown)

func isJQLFieldShown(in *view, field value) bool {
	if !field.isObject() {
		return false
	}
	// A name with spaces is in quotes, and followed by cf[…] or a type where it is displayed.
	value, displayed := field.find("value").text(), field.find("displayName").text()
	name, _, _ := bytes.Cut(displayed, []byte(" - "))
	if in.Hides(value) || in.Hides(bytes.Trim(value, `"`)) || in.Hides(displayed) || in.Hides(name) {
		return false
	}
	id, custom := bytes.CutPrefix(field.find("cfid").text(), []byte("cf["))
	return !custom || !in.Hides(append([]byte("customfield_"), bytes.TrimSuffix(id, []byte("]"))...))
}

var metaAnswers = map[string]*shape{
	"status":     status,
	"statuses":   either(countedPage(status, "values"), arrayOf(status)),
	"issuetype":  issueType,
	"issuetypes": either(countedPage(issueType, "values"), arrayOf(issueType)),
	"fields":     either(countedPage(field, "values"), arrayOf(field)),
	"editmeta":   editMeta,
	"transitions": objectOf(object{
		"expand": scalar, "transitions": arrayOf(transition),
	}),
	"createmeta": objectOf(object{
		"expand": scalar,
		"projects": arrayOf(objectOf(with(kept("expand", "self", "key", "name", "avatarUrls"), object{
			"id": projectID, "issuetypes": arrayOf(creatableType),
		}))),
	}),
	"createmeta-types":  countedPage(issueType, "issueTypes", "createMetaIssueType", "values"),
	"createmeta-fields": countedPage(shownMeta, "fields", "results", "values"),
	"jql-fields": objectOf(object{
		"visibleFieldNames": arrayOf(jqlField), "visibleFunctionNames": keep, "jqlReservedWords": keep,
	}),
}

var editMeta = objectOf(object{"fields": metaByField})
