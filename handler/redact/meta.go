package redact

// scoped is a status, issue type or field, which may belong to one project only.
var scoped = judged(&shape{others: unknown}, insideScope)

// transition is a transition of an issue's workflow.
var transition = objectOf(with(
	keepAll("id", "name", "to", "hasScreen", "isGlobal", "isInitial", "isAvailable", "isConditional", "expand", "looped",
		"description", "opsbarSequence"),
	object{"fields": metaByField}))

// fieldMeta is what may be entered into a field. The allowed values of project pickers and the like name what is outside.
var fieldMeta = objectOf(with(
	keepAll("required", "schema", "name", "key", "fieldId", "autoCompleteUrl", "hasDefaultValue", "operations",
		"configuration"),
	object{"allowedValues": arrayOf(unknown), "defaultValue": unknown}))

// metaByField are such fields by ID.
var metaByField = byField(judged(fieldMeta, isMetaShown))

// isMetaShown decides about a field that names itself.
func isMetaShown(in *view, meta []byte) bool {
	for _, name := range [...]string{"fieldId", "key", "name", "id"} {
		if field := text(find(meta, name)); len(field) > 0 && in.hides(field) {
			return false
		}
	}
	return true
}
