package redact

var otherSamples = []sample{
	{"open", `{"name":"a","key":"JIRAUSER1","displayName":"A","groups":{"items":["SECRET"]},"applicationRoles":{"items":["SECRET"]}}`, `{"name":"a","key":"JIRAUSER1","displayName":"A"}`},
	{"open", `{"baseUrl":"https://j","versionNumbers":[10,3],"serverTitle":"Jira"}`, `{"baseUrl":"https://j","versionNumbers":[10,3],"serverTitle":"Jira"}`},
	{"open", `{"total":1,"values":[{"id":"1","name":"High","schemes":{"values":["SECRET"]},"projects":["SECRET"]}]}`, `{"total":1,"values":[{"id":"1","name":"High"}]}`},
	{"open", `[{"id":"1"},"text",{"id":"2","key":"OUT-1"}]`, `[{"id":"1"},"text"]`},
	{"open", `"en_US"`, `"en_US"`},
	{"open", `true`, `true`},
	{"users", `[{"name":"a","groups":{"items":["SECRET"]},"applicationRoles":"SECRET"}]`, `[{"name":"a"}]`},
	{"users", `{"size":1,"values":[{"accountId":"a","more":"SECRET"}]}`, `{"size":1,"values":[{"accountId":"a"}]}`},
	{"watchers", `{"self":"s","isWatching":false,"watchCount":1,"watchers":[{"name":"a","more":"SECRET"}]}`, `{"self":"s","isWatching":false,"watchCount":1,"watchers":[{"name":"a"}]}`},
	{"watching", `{"issuesIsWatching":{"10000":true},"more":"SECRET"}`, `{"issuesIsWatching":{"10000":true}}`},
	{"votes", `{"self":"s","votes":1,"hasVoted":false,"voters":[{"name":"a","more":"SECRET"}]}`, `{"self":"s","votes":1,"hasVoted":false,"voters":[{"name":"a"}]}`},
	{"mypermissions", `{"permissions":{"BROWSE_PROJECTS":{"havePermission":true}},"more":"SECRET"}`, `{"permissions":{"BROWSE_PROJECTS":{"havePermission":true}}}`},
	{
		"permitted", `{"projectPermissions":[{"permission":"p","issues":[1],"projects":[10000],"more":"SECRET"}],"globalPermissions":["g"]}`,
		`{"projectPermissions":[{"permission":"p","issues":[1],"projects":[10000]}],"globalPermissions":["g"]}`,
	},
	{"count", `{"count":7,"more":"SECRET"}`, `{"count":7}`},
	{"matches", `{"matches":[{"matchedIssues":[1,2,9],"errors":["SECRET"]}]}`, `{"matches":[{"matchedIssues":[1,2]}]}`},
	{"parsed", `{"queries":[{"query":"project = IN","structure":{"where":{}},"errors":["The value 'SECRET' does not exist"],"warnings":["SECRET"]}]}`, `{"queries":[{"query":"project = IN","structure":{"where":{}}}]}`},
	{"task", `{"taskId":"1","more":"SECRET"}`, `{"taskId":"1"}`},
	{
		"archived", `{"numberOfIssuesUpdated":1,"errors":{"issuesNotFound":{"count":2,"issueIdsOrKeys":["IN-1","OUT-1"],"message":"SECRET"}}}`,
		`{"numberOfIssuesUpdated":1,"errors":{"issuesNotFound":{"count":2,"issueIdsOrKeys":["IN-1"]}}}`,
	},
}
