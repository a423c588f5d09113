package redact

const (
	insideBoardText  = `{"id":1,"name":"ours","type":"scrum","location":{"projectId":10000,"projectKey":"IN"}}`
	outsideBoardText = `{"id":2,"name":"SECRET","location":{"projectId":10001,"projectKey":"OUT","displayName":"SECRET"}}`
)

var agileSamples = []sample{
	{"board", `{"id":1,"name":"ours","location":{"projectId":10000,"more":"SECRET"},"admins":{"users":["SECRET"]}}`, `{"id":1,"name":"ours","location":{"projectId":10000}}`},
	{
		"boards", `{"maxResults":50,"startAt":0,"total":3,"isLast":true,"values":[` + outsideBoardText + `,` + insideBoardText + `,{"id":3,"name":"ours"}]}`,
		`{"isLast":true,"values":[` + insideBoardText + `,{"id":3,"name":"ours"}],"startAt":0,"maxResults":50,"total":2}`,
	},
	{
		"board-configuration",
		`{"id":1,"name":"ours","location":{"type":"project","key":"OUT","name":"SECRET"},"filter":{"id":"5","self":"s","name":"SECRET"},"subQuery":{"query":"issue = OUT-1 SECRET"},` +
			`"columnConfig":{"columns":[]},"estimation":{"type":"field","field":{"fieldId":"customfield_10","displayName":"SECRET"}},"more":"SECRET"}`,
		`{"id":1,"name":"ours","filter":{"id":"5","self":"s"},"subQuery":{},"columnConfig":{"columns":[]},"estimation":{"type":"field"}}`,
	},
	{
		"board-configuration", `{"id":1,"location":{"type":"project","projectKeyOrId":"IN"},"subQuery":{"query":"fixVersion is EMPTY"},"estimation":{"field":{"fieldId":"x","displayName":"Salary"}}}`,
		`{"id":1,"location":{"type":"project","projectKeyOrId":"IN"},"subQuery":{"query":"fixVersion is EMPTY"},"estimation":{}}`,
	},
	{"board-features", `{"features":[{"boardFeature":"f"}],"more":"SECRET"}`, `{"features":[{"boardFeature":"f"}]}`},
	{"quickfilter", `{"id":1,"boardId":5,"name":"ours","jql":"parent = OUT-7 or text ~ SECRET"}`, `{"id":1,"boardId":5,"name":"ours"}`},
	{"quickfilters", `{"total":1,"values":[{"id":1,"jql":"assignee = currentUser()","more":"SECRET"}]}`, `{"total":1,"values":[{"id":1,"jql":"assignee = currentUser()"}]}`},
	{"sprint", `{"id":1,"state":"active","name":"ours","goal":"g","more":"SECRET"}`, `{"id":1,"state":"active","name":"ours","goal":"g"}`},
	{"sprints", `{"values":[{"id":1,"originBoardId":5},{"id":2,"name":"SECRET","originBoardId":6}]}`, `{"values":[{"id":1,"originBoardId":5}]}`},
	{"sprints", `{"isLast":true,"values":[{"id":1,"name":"ours","more":"SECRET"}]}`, `{"isLast":true,"values":[{"id":1,"name":"ours"}]}`},
	{"epic", `{"id":1,"key":"IN-1","name":"ours","color":{"key":"color_1"},"more":"SECRET"}`, `{"id":1,"key":"IN-1","name":"ours","color":{"key":"color_1"}}`},
	{
		"epics", `{"isLast":true,"values":[{"id":9,"key":"OUT-9","name":"SECRET"},{"id":8,"name":"SECRET"},{"id":1,"key":"IN-1","name":"ours"}]}`,
		`{"isLast":true,"values":[{"id":1,"key":"IN-1","name":"ours"}]}`,
	},
	{"estimation", `{"fieldId":"customfield_11","value":"8.0","more":"SECRET"}`, `{"fieldId":"customfield_11","value":"8.0"}`},
	{"reports", `{"reports":[{"name":"burndown"},{"key":"OUT-1","name":"SECRET"}]}`, `{"reports":[{"name":"burndown"}]}`},
	{"velocity", `{"value":true}`, `{"value":true}`},
	{
		"ranked", `{"entries":[{"issueId":1,"issueKey":"IN-1","status":503,"errors":["SECRET"]},{"issueId":9,"issueKey":"OUT-1","status":"SECRET"}]}`,
		`{"entries":[{"issueId":1,"issueKey":"IN-1","status":503}]}`,
	},
}
