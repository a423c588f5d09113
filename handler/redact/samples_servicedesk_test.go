package redact

const (
	insideDeskText    = `{"id":"1","projectId":"10000","projectName":"ours","projectKey":"IN"}`
	outsideDeskText   = `{"id":"2","projectId":"10001","projectName":"SECRET","projectKey":"OUT"}`
	publicReplyText   = `{"id":"1","body":"ours","public":true}`
	internalReplyText = `{"id":"2","body":"SECRET","public":false}`
	unmarkedReplyText = `{"id":"3","body":"SECRET","public":null}`
	requestTypeText   = `{"id":"1","name":"ours","more":"SECRET","fields":{"requestTypeFields":[{"fieldId":"customfield_10","name":"SECRET"},{"fieldId":"summary","validValues":[{"value":"OUT-1"},{"value":"a"}]}]}}`
	requestTypePassed = `{"id":"1","name":"ours","fields":{"requestTypeFields":[{"fieldId":"summary","validValues":[{},{"value":"a"}]}]}}`
	requestText       = `{"issueId":"1","issueKey":"IN-1","requestType":` + requestTypeText + `,"requestFieldValues":[{"fieldId":"customfield_10","value":"SECRET"},` +
		`{"fieldId":"x","label":"Salary","value":"SECRET"},{"fieldId":"y","label":"Linked","value":[{"key":"OUT-1","t":"SECRET"}],"renderedValue":{"html":"SECRET"}}],` +
		`"comments":{"size":2,"start":0,"limit":50,"isLastPage":true,"values":[` + publicReplyText + `,` + internalReplyText + `,` + unmarkedReplyText + `]},"more":"SECRET"}`
	requestPassed = `{"issueId":"1","issueKey":"IN-1","requestType":` + requestTypePassed + `,"requestFieldValues":[{"fieldId":"y","label":"Linked","value":[]}],` +
		`"comments":{"start":0,"limit":50,"isLastPage":true,"values":[` + publicReplyText + `],"size":1}}`
)

var serviceDeskSamples = []sample{
	{
		"requests",
		`{"size":1,"values":[{"issueId":"1","issueKey":"IN-1","comments":{"size":2,"start":0,"values":[` + internalReplyText + `,` + publicReplyText + `],"isLastPage":true}}]}`,
		`{"values":[{"issueId":"1","issueKey":"IN-1","comments":{"start":0,"values":[` + publicReplyText + `],"isLastPage":true,"size":1}}],"size":1}`,
	},
	{
		"queue-issues",
		`{"size":1,"values":[{"key":"IN-1","fields":{"comment":{"comments":[` + internalComment + `,` + publicComment + `],"maxResults":2,"total":2,"startAt":0}}}]}`,
		`{"values":[{"key":"IN-1","fields":{"comment":{"comments":[` + publicComment + `],"startAt":0,"maxResults":1,"total":1}}}],"size":1}`,
	},
	{"request", requestText, requestPassed},
	{
		"requests", `{"size":2,"isLastPage":true,"values":[{"issueId":"9","issueKey":"OUT-1","reporter":"SECRET"},{"issueId":"1","issueKey":"IN-1"},{"reporter":"SECRET"}]}`,
		`{"isLastPage":true,"values":[{"issueId":"1","issueKey":"IN-1"}],"size":1}`,
	},
	{"request-comment", `{"id":"1","body":"ours","public":true,"renderedBody":{"html":"SECRET"}}`, publicReplyText},
	{
		"request-comments", `{"size":2,"start":0,"limit":50,"isLastPage":true,"values":[` + internalReplyText + `,` + publicReplyText + `]}`,
		`{"start":0,"limit":50,"isLastPage":true,"values":[` + publicReplyText + `],"size":1}`,
	},
	{"request-attachments", `{"size":1,"values":[{"filename":"f","_links":{"content":"c"},"more":"SECRET"}]}`, `{"size":1,"values":[{"filename":"f","_links":{"content":"c"}}]}`},
	{"request-attached", `{"comment":` + publicReplyText + `,"attachments":{"values":[{"filename":"f","more":"SECRET"}]}}`, `{"comment":` + publicReplyText + `,"attachments":{"values":[{"filename":"f"}]}}`},
	{"request-statuses", `{"values":[{"status":"s","statusDate":{"iso8601":"d"},"more":"SECRET"}]}`, `{"values":[{"status":"s","statusDate":{"iso8601":"d"}}]}`},
	{"request-transitions", `{"values":[{"id":"1","name":"n","more":"SECRET"}]}`, `{"values":[{"id":"1","name":"n"}]}`},
	{"sla", `{"id":"1","name":"n","more":"SECRET"}`, `{"id":"1","name":"n"}`},
	{"slas", `{"values":[{"id":"1","more":"SECRET"}]}`, `{"values":[{"id":"1"}]}`},
	{"approval", `{"id":"1","approvers":[],"more":"SECRET"}`, `{"id":"1","approvers":[]}`},
	{"approvals", `{"values":[{"id":"1","more":"SECRET"}]}`, `{"values":[{"id":"1"}]}`},
	{"subscribed", `{"subscribed":true,"more":"SECRET"}`, `{"subscribed":true}`},
	{"feedback", `{"type":"csat","rating":5,"comment":{"body":"b"},"more":"SECRET"}`, `{"type":"csat","rating":5,"comment":{"body":"b"}}`},
	{"servicedesk", insideDeskText, insideDeskText},
	{"servicedesks", `{"size":3,"values":[` + outsideDeskText + `,` + insideDeskText + `,{"id":"3","projectName":"SECRET"}]}`, `{"values":[` + insideDeskText + `],"size":1}`},
	{"queue", `{"id":"1","name":"ours","jql":"project = IN","fields":["summary","customfield_10"],"issueCount":"SECRET"}`, `{"id":"1","name":"ours","jql":"project = IN","fields":["summary"]}`},
	{"queues", `{"values":[{"id":"1","jql":"issue = OUT-1"}]}`, `{"values":[{"id":"1"}]}`},
	{"queue-issues", `{"size":2,"values":[` + outsideIssueText + `,` + insideIssueText + `]}`, `{"values":[` + insideIssueText + `],"size":1}`},
	{"requesttype", requestTypeText, requestTypePassed},
	{"requesttypes", `{"values":[` + requestTypeText + `]}`, `{"values":[` + requestTypePassed + `]}`},
	{"requesttype-fields", `{"canRaiseOnBehalfOf":true,"requestTypeFields":[{"fieldId":"a","name":"Salary"},{"fieldId":"b","more":"SECRET"}]}`, `{"canRaiseOnBehalfOf":true,"requestTypeFields":[{"fieldId":"b"}]}`},
	{"requesttypegroups", `{"values":[{"id":"1","name":"n","more":"SECRET"}]}`, `{"values":[{"id":"1","name":"n"}]}`},
	{"requesttype-permissions", `{"canAdminister":[],"canCreateRequest":["1"],"more":"SECRET"}`, `{"canAdminister":[],"canCreateRequest":["1"]}`},
}
