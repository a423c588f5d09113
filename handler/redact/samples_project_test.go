package redact

const (
	insideProjectText  = `{"self":"https://j/rest/api/2/project/10000","id":"10000","key":"IN","name":"ours"}`
	outsideProjectText = `{"self":"https://j/SECRET","id":"10001","key":"OUT","name":"SECRET"}`
	insideVersionText  = `{"self":"s","id":"1","name":"1.0","projectId":10000}`
	outsideVersionText = `{"self":"s","id":"2","name":"SECRET","projectId":10001}`
)

var projectSamples = []sample{
	{
		"project", `{"id":"10000","key":"IN","description":"ours","lead":{"name":"l"},"insight":{"totalIssueCount":"SECRET"},"landingPageInfo":{"url":"SECRET"},` +
			`"components":[{"id":"1","name":"c","issueCount":"SECRET"}],"versions":[` + insideVersionText + `],"properties":{"a":{"key":"OUT-1","x":"SECRET"}},` +
			`"issueTypes":[{"id":"1","name":"Bug"},{"id":"2","name":"SECRET","scope":{"type":"PROJECT","project":{"id":"10001"}}}]}`,
		`{"id":"10000","key":"IN","description":"ours","lead":{"name":"l"},"components":[{"id":"1","name":"c"}],"versions":[` + insideVersionText + `],"properties":{},` +
			`"issueTypes":[{"id":"1","name":"Bug"}]}`,
	},
	{"projects", `[` + outsideProjectText + `,` + insideProjectText + `,{"name":"SECRET"}]`, `[` + insideProjectText + `]`},
	{
		"projects", `{"self":"s","nextPage":"n","startAt":0,"maxResults":50,"total":2,"isLast":true,"values":[` + outsideProjectText + `,` + insideProjectText + `]}`,
		`{"self":"s","nextPage":"n","isLast":true,"values":[` + insideProjectText + `],"startAt":0,"maxResults":50,"total":1}`,
	},
	{
		"picked-projects", `{"projects":[{"id":"10001","key":"OUT","name":"SECRET"},{"id":"10000","key":"IN","name":"ours","html":"SECRET"}],"header":"SECRET","total":2}`,
		`{"projects":[{"id":"10000","key":"IN","name":"ours"}],"total":1}`,
	},
	{"project-features", `{"features":[{"projectId":10000,"feature":"f","more":"SECRET"}]}`, `{"features":[{"projectId":10000,"feature":"f"}]}`},
	{"project-statuses", `[{"id":"1","name":"Bug","statuses":[{"id":"1","name":"Open","usages":["SECRET"]}]}]`, `[{"id":"1","name":"Bug","statuses":[{"id":"1","name":"Open"}]}]`},
	{"hierarchy", `{"projectId":10000,"hierarchy":[{"level":1}],"more":"SECRET"}`, `{"projectId":10000,"hierarchy":[{"level":1}]}`},
	{"security-levels", `{"levels":[{"id":"1","name":"l","more":"SECRET"}]}`, `{"levels":[{"id":"1","name":"l"}]}`},
	{"avatars", `{"system":[],"custom":[{"id":"1"}],"more":"SECRET"}`, `{"system":[],"custom":[{"id":"1"}]}`},
	{"property", `{"key":"k","value":{"see":"OUT-1","also":"IN-1","in":[{"id":1,"key":"OUT-1","t":"SECRET"}]},"more":"SECRET"}`, `{"key":"k","value":{"also":"IN-1","in":[]}}`},
	{"property-keys", `{"keys":[{"self":"s","key":"k","more":"SECRET"}]}`, `{"keys":[{"self":"s","key":"k"}]}`},
	{"component", `{"id":"1","name":"c","projectId":10000,"issueCount":"SECRET"}`, `{"id":"1","name":"c","projectId":10000}`},
	{"component", `{"startAt":0,"total":2,"values":[{"id":"1","name":"SECRET","projectId":10001},{"id":"2","issueCount":"SECRET"}]}`, `{"values":[{"id":"2"}],"startAt":0,"total":1}`},
	{"components", `[{"id":"1","name":"SECRET","projectId":10001},{"id":"2","name":"c","projectId":10000}]`, `[{"id":"2","name":"c","projectId":10000}]`},
	{"component-counts", `{"self":"s","issueCount":1,"more":"SECRET"}`, `{"self":"s","issueCount":1}`},
	{"version", `{"id":"1","name":"1.0","projectId":10000,"operations":["SECRET"],"issuesStatusForFixVersion":{"done":"SECRET"}}`, `{"id":"1","name":"1.0","projectId":10000}`},
	{"versions", `[` + outsideVersionText + `,` + insideVersionText + `]`, `[` + insideVersionText + `]`},
	{"versions", `{"values":[` + insideVersionText + `,` + outsideVersionText + `],"total":2,"isLast":true}`, `{"values":[` + insideVersionText + `],"isLast":true,"total":1}`},
	{
		"version-counts", `{"self":"s","issuesFixedCount":1,"customFieldUsage":[{"fieldName":"SECRET","customFieldId":10},{"fieldName":"V","customFieldId":11}]}`,
		`{"self":"s","issuesFixedCount":1,"customFieldUsage":[{"fieldName":"V","customFieldId":11}]}`,
	},
	{"related-work", `{"relatedWorkId":"r","title":"t","more":"SECRET"}`, `{"relatedWorkId":"r","title":"t"}`},
	{"related-works", `[{"relatedWorkId":"r","title":"SECRET","issueId":9},{"title":"t"}]`, `[{"title":"t"}]`},
}
