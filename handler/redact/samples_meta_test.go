package redact

const (
	insideScopeText  = `{"id":"1","name":"Open","scope":{"type":"PROJECT","project":{"id":"10000"}}}`
	outsideScopeText = `{"id":"2","name":"SECRET","scope":{"type":"PROJECT","project":{"id":"10001"}}}`
	metaText         = `{"summary":{"required":true,"name":"Summary"},"customfield_10":{"name":"SECRET"},"customfield_9":{"name":"Salary","defaultValue":"SECRET"},` +
		`"project":{"allowedValues":[` + insideProjectText + `,{"id":"10001","key":"OUT","projectTypeKey":"software","name":"SECRET"}]},` +
		`"parent":{"defaultValue":{"key":"OUT-1","id":"SECRET"},"allowedValues":[{"id":"1","value":"ours"}]}}`
	metaPassed = `{"summary":{"required":true,"name":"Summary"},"project":{"allowedValues":[` + insideProjectText + `]},"parent":{"allowedValues":[{"id":"1","value":"ours"}]}}`
)

var metaSamples = []sample{
	{"status", `{"id":"1","name":"Open","statusCategory":{"id":2},"usages":[{"project":{"id":"SECRET"}}]}`, `{"id":"1","name":"Open","statusCategory":{"id":2}}`},
	{"statuses", `[` + outsideScopeText + `,` + insideScopeText + `,{"id":"3"}]`, `[` + insideScopeText + `,{"id":"3"}]`},
	{
		"statuses", `{"startAt":0,"total":2,"isLast":true,"maxResults":200,"values":[` + outsideScopeText + `,` + insideScopeText + `]}`,
		`{"isLast":true,"values":[` + insideScopeText + `],"startAt":0,"maxResults":200,"total":1}`,
	},
	{"issuetype", `{"id":"1","name":"Bug","more":"SECRET"}`, `{"id":"1","name":"Bug"}`},
	{"issuetypes", `[` + outsideScopeText + `,` + insideScopeText + `]`, `[` + insideScopeText + `]`},
	{
		"fields",
		`[{"id":"summary","name":"Summary","schema":{"system":"summary"}},{"id":"customfield_10","name":"SECRET"},{"id":"customfield_9","key":"SECRET","name":"Salary"},` + outsideScopeText + `]`,
		`[{"id":"summary","name":"Summary","schema":{"system":"summary"}}]`,
	},
	{
		"fields",
		`{"maxResults":50,"startAt":0,"total":3,"isLast":true,"values":[{"id":"customfield_10","name":"SECRET"},{"id":"a","screensCount":"SECRET","lastUsed":{"value":"SECRET"}},{"id":"customfield_10"}]}`,
		`{"isLast":true,"values":[{"id":"a"}],"startAt":0,"maxResults":50,"total":1}`,
	},
	{"editmeta", `{"fields":` + metaText + `,"more":"SECRET"}`, `{"fields":` + metaPassed + `}`},
	{
		"transitions", `{"expand":"transitions","transitions":[{"id":"1","name":"Done","to":{"id":"3"},"fields":` + metaText + `,"more":"SECRET"}]}`,
		`{"expand":"transitions","transitions":[{"id":"1","name":"Done","to":{"id":"3"},"fields":` + metaPassed + `}]}`,
	},
	{
		"createmeta", `{"expand":"projects","projects":[{"self":"s","id":"10000","key":"IN","more":"SECRET","issuetypes":[{"id":"1","fields":` + metaText + `}]}]}`,
		`{"expand":"projects","projects":[{"self":"s","id":"10000","key":"IN","issuetypes":[{"id":"1","fields":` + metaPassed + `}]}]}`,
	},
	{
		"createmeta-types", `{"startAt":0,"maxResults":50,"total":2,"issueTypes":[` + outsideScopeText + `,` + insideScopeText + `]}`,
		`{"issueTypes":[` + insideScopeText + `],"startAt":0,"maxResults":50,"total":1}`,
	},
	{"createmeta-types", `{"isLast":true,"total":1,"values":[` + insideScopeText + `]}`, `{"isLast":true,"values":[` + insideScopeText + `],"total":1}`},
	{
		"createmeta-fields", `{"startAt":0,"maxResults":50,"total":2,"fields":[{"fieldId":"customfield_10","name":"SECRET"},{"fieldId":"summary","key":"summary"}]}`,
		`{"fields":[{"fieldId":"summary","key":"summary"}],"startAt":0,"maxResults":50,"total":1}`,
	},
	{"createmeta-fields", `{"total":2,"values":[{"fieldId":"x","name":"Salary","defaultValue":"SECRET"},{"fieldId":"summary"}]}`, `{"values":[{"fieldId":"summary"}],"total":1}`},
	{
		"jql-fields",
		`{"visibleFieldNames":[{"value":"cf[10]","displayName":"SECRET - cf[10]","cfid":"cf[10]"},{"value":"Salary","displayName":"SECRET"},{"value":"summary","displayName":"summary"},` +
			`{"value":"x","cfid":"cf[10]","displayName":"SECRET"}],"visibleFunctionNames":[{"value":"now()"}],"jqlReservedWords":["and"],"more":"SECRET"}`,
		`{"visibleFieldNames":[{"value":"summary","displayName":"summary"}],"visibleFunctionNames":[{"value":"now()"}],"jqlReservedWords":["and"]}`,
	},
}
