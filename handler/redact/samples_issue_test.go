package redact

const (
	insideIssueText   = `{"id":"1","key":"IN-1","self":"https://j/rest/api/2/issue/1","fields":{"summary":"ours","status":{"name":"Open"}}}`
	outsideIssueText  = `{"id":"9","key":"OUT-9","self":"https://j/SECRET","fields":{"summary":"SECRET"}}`
	internalComment   = `{"id":"1","body":"SECRET","jsdPublic":false}`
	internalProperty1 = `{"id":"2","body":"SECRET","jsdPublic":true,"properties":[{"key":"x"},{"key":"sd.public.comment","value":{"internal":true}}]}`
	publicComment     = `{"id":"3","author":{"name":"a"},"body":"ours","jsdPublic":true,"properties":[{"key":"sd.public.comment","value":{"internal":false}}]}`
	linkItem          = `{"field":"Link","fieldtype":"jira","fromString":null,"to":"OUT-1","toString":"This issue is caused by OUT-1 SECRET"}`
	statusItem        = `{"field":"status","fieldId":"status","from":"1","fromString":"Open","to":"2","toString":"Done"}`
	hiddenItem        = `{"field":"Salary","fieldtype":"custom","fromString":"SECRET","toString":"SECRET"}`
	hiddenItemByID    = `{"field":"Pay","fieldId":"customfield_10","fromString":"SECRET"}`
)

var issueSamples = []sample{
	{
		"issue",
		`{"expand":"names","id":"1","key":"IN-1","self":"https://j/1","renderedFields":{"description":"SECRET"},"operations":{"a":"SECRET"},` +
			`"versionedRepresentations":{"summary":{"1":"SECRET"}},"fieldsToInclude":{"included":["SECRET"]},` +
			`"properties":{"app":{"issues":[{"key":"OUT-1","id":"SECRET"}],"ok":1}},"fields":{` +
			`"summary":"ours","customfield_10":"SECRET","parent":` + outsideIssueText + `,` +
			`"project":{"id":"10000","key":"IN"},"issuetype":{"name":"Bug"},"description":{"type":"doc","content":[{"type":"inlineCard","attrs":{"url":"https://j/browse/IN-1"}}]},` +
			`"epic":{"id":9,"key":"OUT-9","name":"SECRET"},"sprint":{"id":1,"name":"Sprint 1"},"closedSprints":[{"id":2}],` +
			`"subtasks":[` + insideIssueText + `,` + outsideIssueText + `],"attachment":[{"id":"1","filename":"ours.txt"}],` +
			`"comment":{"comments":[` + internalComment + `,` + publicComment + `],"self":"https://j/c","maxResults":2,"total":2,"startAt":0},` +
			`"worklog":{"startAt":0,"maxResults":20,"total":1,"worklogs":[{"id":"1","comment":"ours","more":"SECRET"}]},` +
			`"customfield_11":{"id":"10001","key":"OUT","self":"https://j/rest/api/2/project/10001","name":"SECRET"},` +
			`"customfield_12":[{"self":"https://j/rest/api/2/version/1","id":"1","name":"SECRET","projectId":10001},{"id":"2","name":"ours","projectId":10000}],` +
			`"customfield_13":{"value":"Europe","child":{"value":"Spain"}},` +
			`"customfield_14":{"id":"1","name":"SECRET","scope":{"type":"PROJECT","project":{"id":"10001"}}},` +
			`"customfield_15":"OUT-1, OUT-2;IN-1","customfield_16":"IN-1, IN-2","customfield_17":"see OUT-1, OUT-2","customfield_18":"",` +
			`"customfield_20":{"OUT-1":{"t":"SECRET"},"IN-1":1},"customfield_21":[{"issueKey":"OUT-1","t":"SECRET"},{"issueId":9,"t":"SECRET"},` +
			`{"projectKey":"OUT","t":"SECRET"},{"self":"https://j/rest/api/2/issue/9","t":"SECRET"}],` +
			`"customfield_22":{"type":"doc","version":1,"content":[{"type":"text","text":"OUT-1"}]},` +
			`"unheardof":"SECRET"}}`,
		`{"expand":"names","id":"1","key":"IN-1","self":"https://j/1","properties":{"app":{"issues":[],"ok":1}},"fields":{` +
			`"summary":"ours","project":{"id":"10000","key":"IN"},"issuetype":{"name":"Bug"},` +
			`"description":{"type":"doc","content":[{"type":"inlineCard","attrs":{"url":"https://j/browse/IN-1"}}]},` +
			`"sprint":{"id":1,"name":"Sprint 1"},"closedSprints":[{"id":2}],` +
			`"subtasks":[` + insideIssueText + `],"attachment":[{"id":"1","filename":"ours.txt"}],` +
			`"comment":{"comments":[` + publicComment + `],"self":"https://j/c","startAt":0,"maxResults":1,"total":1},` +
			`"worklog":{"startAt":0,"maxResults":20,"total":1,"worklogs":[{"id":"1","comment":"ours"}]},` +
			`"customfield_11":null,"customfield_12":[{"id":"2","name":"ours","projectId":10000}],` +
			`"customfield_13":{"value":"Europe","child":{"value":"Spain"}},"customfield_14":null,` +
			`"customfield_15":null,"customfield_16":"IN-1, IN-2","customfield_17":"see OUT-1, OUT-2","customfield_18":"",` +
			`"customfield_20":{"IN-1":1},"customfield_21":[],"customfield_22":{"type":"doc","version":1,"content":[{"type":"text","text":"OUT-1"}]}}}`,
	},
	{
		"issues",
		`{"expand":"schema,names","startAt":0,"maxResults":50,"total":2,"issues":[` + insideIssueText + `],"issueErrors":[{"id":"SECRET"}],` +
			`"names":{"summary":"Summary","customfield_10":"SECRET","customfield_9":"Salary"},"schema":{"customfield_10":{"custom":"SECRET"}},"warningMessages":["SECRET"]}`,
		`{"expand":"schema,names","startAt":0,"maxResults":50,"total":2,"issues":[` + insideIssueText + `],"names":{"summary":"Summary"},"schema":{}}`,
	},
	{
		"created", `{"id":"1","key":"IN-1","self":"https://j/1","transition":{"status":200,"errorCollection":{"errorMessages":["SECRET"]}}}`,
		`{"id":"1","key":"IN-1","self":"https://j/1","transition":{"status":200}}`,
	},
	{
		"created-issues",
		`{"issues":[{"id":"1","key":"IN-1","self":"s"}],"errors":[{"status":400,"failedElementNumber":1,"elementErrors":{"errorMessages":["SECRET"],"errors":{"project":"SECRET"},"status":400}}]}`,
		`{"issues":[{"id":"1","key":"IN-1","self":"s"}],"errors":[{"status":400,"failedElementNumber":1,"elementErrors":{"status":400}}]}`,
	},
	{
		"link", `{"id":"1","type":{"name":"Blocks"},"inwardIssue":` + insideIssueText + `,"outwardIssue":` + insideIssueText + `,"more":"SECRET"}`,
		`{"id":"1","type":{"name":"Blocks"},"inwardIssue":` + insideIssueText + `,"outwardIssue":` + insideIssueText + `}`,
	},
	{"subtasks", `[` + outsideIssueText + `,` + insideIssueText + `,"SECRET",[` + outsideIssueText + `]]`, `[` + insideIssueText + `]`},
	{"remotelink", `{"id":1,"self":"s","object":{"url":"u","title":"t"},"more":"SECRET"}`, `{"id":1,"self":"s","object":{"url":"u","title":"t"}}`},
	{"remotelinks", `[{"id":1,"relationship":"r","more":"SECRET"}]`, `[{"id":1,"relationship":"r"}]`},
	{"remotelinks", `{"id":1,"relationship":"r","more":"SECRET"}`, `{"id":1,"relationship":"r"}`},
	{"remotelink-created", `{"id":1,"self":"s","more":"SECRET"}`, `{"id":1,"self":"s"}`},
	{"comment", `{"id":"1","body":"ours","jsdPublic":true,"renderedBody":"SECRET","visibility":{"type":"role"}}`, `{"id":"1","body":"ours","jsdPublic":true,"visibility":{"type":"role"}}`},
	{
		"comments", `{"startAt":0,"maxResults":100,"total":3,"comments":[` + publicComment + `,` + internalComment + `,` + internalProperty1 + `]}`,
		`{"comments":[` + publicComment + `],"startAt":0,"maxResults":100,"total":1}`,
	},
	{
		"pinned-comments", `[{"comment":` + internalComment + `,"pinnedBy":"SECRET"},{"comment":` + publicComment + `,"pinnedDate":"d"},{"pinnedBy":"SECRET"}]`,
		`[{"comment":` + publicComment + `,"pinnedDate":"d"}]`,
	},
	{"worklog", `{"id":"1","timeSpent":"1h","renderedComment":"SECRET"}`, `{"id":"1","timeSpent":"1h"}`},
	{
		"worklogs", `{"startAt":0,"maxResults":1,"total":1,"worklogs":[{"id":"1","properties":[{"key":"k","value":{"key":"OUT-1","t":"SECRET"}}]}]}`,
		`{"startAt":0,"maxResults":1,"total":1,"worklogs":[{"id":"1","properties":[{"key":"k"}]}]}`,
	},
	{
		"changelog",
		`{"self":"s","maxResults":100,"startAt":0,"total":4,"isLast":true,"values":[` +
			`{"id":"1","author":{"name":"a"},"created":"c","items":[` + linkItem + `,` + statusItem + `,` + hiddenItem + `],"historyMetadata":{"cause":{"id":"SECRET"}}},` +
			`{"id":"SECRET","items":[` + linkItem + `,` + hiddenItemByID + `]},` +
			`{"id":"3","items":[{"field":"IssueParentAssociation","from":"10","fromString":"IN-1","to":"11","toString":"OUT-1 SECRET"},` +
			`{"field":"Parent","from":"10","fromString":"IN-1","to":null,"toString":null},` +
			`{"field":"project","from":"10001","fromString":"SECRET","to":"10000","toString":"Ours"},` +
			`{"field":"project","fieldId":"project","from":"10002","fromString":"Also","to":"10000","toString":"Ours"},` +
			`{"field":"Key","fromString":"OUT-1","toString":"IN-1"},{"field":"Epic Link","to":"SECRET","toString":"OUT-3"},` +
			`{"field":"Links","fieldId":"customfield_5","fromString":"IN-1, OUT-1"},{"field":"Epic Child","to":"7","toString":"SECRET"},` +
			`{"field":"Comment","from":"SECRET","to":"SECRET"}]},` +
			`{"id":"SECRET","items":[]}]}`,
		`{"self":"s","isLast":true,"values":[` +
			`{"id":"1","author":{"name":"a"},"created":"c","items":[` + statusItem + `]},` +
			`{"id":"3","items":[{"field":"Parent","from":"10","fromString":"IN-1","to":null,"toString":null},` +
			`{"field":"project","fieldId":"project","from":"10002","fromString":"Also","to":"10000","toString":"Ours"}]}],` +
			`"startAt":0,"maxResults":100,"total":2}`,
	},
	{
		"changelog", `{"startAt":0,"maxResults":1,"total":1,"histories":[{"id":"1","items":[` + statusItem + `]}]}`,
		`{"histories":[{"id":"1","items":[` + statusItem + `]}],"startAt":0,"maxResults":1,"total":1}`,
	},
	{
		"changelogs",
		`{"issueChangeLogs":[{"issueId":"1","changeHistories":[{"id":"1","items":[` + statusItem + `,` + linkItem + `]},{"id":"SECRET","items":[` + linkItem + `]}]}],"nextPageToken":"t"}`,
		`{"issueChangeLogs":[{"issueId":"1","changeHistories":[{"id":"1","items":[` + statusItem + `]}]}],"nextPageToken":"t"}`,
	},
	{"attachment", `{"id":1,"filename":"ours","properties":{"a":"SECRET"}}`, `{"id":1,"filename":"ours"}`},
	{"attachments", `[{"id":"1","filename":"ours","more":"SECRET"}]`, `[{"id":"1","filename":"ours"}]`},
	{
		"attachment-contents", `{"id":1,"name":"ours.zip","entries":[{"path":"a"}],"totalEntryCount":1,"more":"SECRET"}`,
		`{"id":1,"name":"ours.zip","entries":[{"path":"a"}],"totalEntryCount":1}`,
	},
	{
		"temporary-attachments", `{"temporaryAttachments":[{"temporaryAttachmentId":"t","fileName":"f","more":"SECRET"}]}`,
		`{"temporaryAttachments":[{"temporaryAttachmentId":"t","fileName":"f"}]}`,
	},
}
