package fakejira

// operations returns all operations and the products that serve them. Those
// under /rest are named as in Atlassian's API descriptions, and a test compares
// them with these.
func operations(options Options) []*operation {
	type (
		answers = func(*call) (reply, error)
		streams = func(*call) error
	)
	var list []*operation
	add := func(method, template string, cloud, dataCenter bool) *operation {
		op := &operation{Operation: Operation{method, template, cloud, dataCenter}}
		list = append(list, op)
		return op
	}
	// read is also available to anonymous callers, who see next to nothing.
	read := func(template string, answer answers) *operation {
		op := add("GET", platform+template, true, true)
		op.json, op.anonymous = answer, true
		return op
	}
	cloudRead := func(template string, answer answers) *operation {
		op := read(template, answer)
		op.DataCenter = false
		return op
	}
	// query reads by POST.
	query := func(template string, answer answers) *operation {
		op := add("POST", platform+template, true, false)
		op.json, op.anonymous = answer, true
		return op
	}
	write := func(method, template string, answer answers) *operation {
		op := add(method, platform+template, true, true)
		op.json, op.writes = answer, true
		return op
	}
	stream := func(template string, answer streams, cloud, dataCenter bool) *operation {
		op := add("GET", template, cloud, dataCenter)
		op.stream = answer
		return op
	}

	read("/serverInfo", serverInfo).public = true
	// The one read that Jira never permits anonymously.
	read("/myself", myself).anonymous = false
	read("/field", fieldList)
	read("/issuetype", typeList)
	read("/issuetype/{id}", typeGet)
	read("/priority", catalogueList("priority", priorities))
	read("/priority/{id}", catalogueGet("priority", priorities))
	read("/resolution", catalogueList("resolution", resolutions))
	read("/resolution/{id}", catalogueGet("resolution", resolutions))
	read("/status", statusList)
	read("/status/{idOrName}", statusGet)
	read("/issueLinkType", linkTypeList)
	read("/mypermissions", permissionList)
	read("/user", userGet)
	read("/user/search", userSearch)
	cloudRead("/user/groups", userGroups)
	read("/user/assignable/search", userAssignable)
	read("/filter/favourite", filterList)
	cloudRead("/filter/my", filterList)
	cloudRead("/filter/search", filterSearch)
	read("/filter/{id}", filterGet)

	read("/project", projectList)
	cloudRead("/project/search", projectSearch)
	read("/project/{projectIdOrKey}", projectGet)
	read("/project/{projectIdOrKey}/statuses", projectStatuses)
	read("/project/{projectIdOrKey}/components", projectNothing)
	read("/project/{projectIdOrKey}/versions", projectNothing)

	write("POST", "/issue", issuePost)
	write("POST", "/issue/bulk", issueBulkPost)
	query("/issue/bulkfetch", bulkFetch)
	// Only Cloud still documents the old form: see Options.LegacyCreateMeta.
	read("/issue/createmeta", createMeta).DataCenter = options.LegacyCreateMeta
	read("/issue/createmeta/{projectIdOrKey}/issuetypes", createMetaTypes)
	read("/issue/createmeta/{projectIdOrKey}/issuetypes/{issueTypeId}", createMetaFields)
	read("/issue/picker", issuePicker)
	read("/issue/{issueIdOrKey}", issueGet)
	write("PUT", "/issue/{issueIdOrKey}", issuePut)
	write("DELETE", "/issue/{issueIdOrKey}", issueDelete)
	write("PUT", "/issue/{issueIdOrKey}/assignee", issueAssign)
	read("/issue/{issueIdOrKey}/editmeta", editMeta)
	cloudRead("/issue/{issueIdOrKey}/changelog", changelog)
	read("/issue/{issueIdOrKey}/comment", commentList)
	write("POST", "/issue/{issueIdOrKey}/comment", commentPost)
	read("/issue/{issueIdOrKey}/comment/{id}", commentGet)
	write("PUT", "/issue/{issueIdOrKey}/comment/{id}", commentPut)
	write("DELETE", "/issue/{issueIdOrKey}/comment/{id}", commentDelete)
	read("/issue/{issueIdOrKey}/worklog", worklogList)
	write("POST", "/issue/{issueIdOrKey}/worklog", worklogPost)
	read("/issue/{issueIdOrKey}/worklog/{id}", worklogGet)
	write("DELETE", "/issue/{issueIdOrKey}/worklog/{id}", worklogDelete)
	read("/issue/{issueIdOrKey}/transitions", transitionList)
	write("POST", "/issue/{issueIdOrKey}/transitions", transitionPost)
	read("/issue/{issueIdOrKey}/watchers", watcherList)
	write("POST", "/issue/{issueIdOrKey}/watchers", watcherPost)
	write("DELETE", "/issue/{issueIdOrKey}/watchers", watcherDelete)
	read("/issue/{issueIdOrKey}/votes", voteList)
	write("POST", "/issue/{issueIdOrKey}/votes", votePost)
	write("DELETE", "/issue/{issueIdOrKey}/votes", voteDelete)
	read("/issue/{issueIdOrKey}/remotelink", remoteLinkList)
	upload := write("POST", "/issue/{issueIdOrKey}/attachments", nil)
	upload.stream = attachmentPost

	write("POST", "/issueLink", linkPost)
	read("/issueLink/{linkId}", linkGet)
	write("DELETE", "/issueLink/{linkId}", linkDelete)

	read("/attachment/meta", attachmentMeta)
	read("/attachment/{id}", attachmentGet)
	write("DELETE", "/attachment/{id}", attachmentDelete)
	stream(platform+"/attachment/content/{id}", attachmentContent, true, false)
	stream(platform+"/attachment/thumbnail/{id}", attachmentThumbnail, true, false)

	read("/search", searchOld).oldSearch = true
	post := query("/search", searchOld)
	post.DataCenter, post.oldSearch = true, true
	cloudRead("/search/jql", searchNew)
	query("/search/jql", searchNew)
	query("/search/approximate-count", searchCount)
	query("/jql/match", jqlMatch)
	query("/jql/parse", jqlParse)

	for _, agile := range []struct {
		template string
		answer   answers
	}{
		{"/board", boardList},
		{"/board/{boardId}", boardGet},
		{"/board/{boardId}/issue", boardIssues},
		{"/board/{boardId}/sprint", boardSprints},
		{"/sprint/{sprintId}", sprintGet},
		{"/sprint/{sprintId}/issue", sprintIssues},
	} {
		op := add("GET", "/rest/agile/1.0"+agile.template, true, true)
		op.json, op.anonymous = agile.answer, true
	}

	add("GET", "/rest/auth/1/session", false, true).json = sessionGet
	login := add("POST", "/rest/auth/1/session", false, true)
	login.stream, login.public = sessionPost, true
	add("DELETE", "/rest/auth/1/session", false, true).json = sessionDelete

	// The rest is outside /rest and undocumented.
	tenant := add("GET", "/_edge/tenant_info", true, false)
	tenant.json, tenant.public = tenantInfo, true
	oauth := add("POST", "/oauth/token", true, false)
	oauth.stream, oauth.public = oauthTokenPost, true
	stream("/secure/attachment/{id}/{name}", secureAttachment, true, true)
	stream("/secure/thumbnail/{id}/{name}", secureThumbnail, true, true)
	stream("/browse/{key}", browse, true, true)
	for _, path := range []string{"/secure/viewavatar", "/secure/projectavatar", "/secure/useravatar", "/images/icons/{kind}/{name}"} {
		stream(path, picture, true, true).public = true
	}
	return list
}
