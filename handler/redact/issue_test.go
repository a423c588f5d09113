package redact

import "testing"

func TestIssue(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"linked issues": {
			`{"fields":{"issuelinks":[` +
				`{"id":"1","type":{"name":"Blocks"},"outwardIssue":{"id":"9","key":"OUT-1","fields":{"summary":"SECRET"}}},` +
				`{"id":"2","inwardIssue":{"id":"8","key":"IN-2","fields":{"summary":"ours","description":"dropped"}}},` +
				`{"id":"3","type":{"name":"SECRET"}}]}}`,
			`{"fields":{"issuelinks":[{"id":"2","inwardIssue":{"id":"8","key":"IN-2","fields":{"summary":"ours"}}}]}}`,
		},
		"parent and subtasks": {
			`{"fields":{"parent":{"id":"1","key":"OUT-2","fields":{"summary":"SECRET"}},"subtasks":[{"key":"IN-2"},{"key":"OUT-1"},"SECRET"]}}`,
			`{"fields":{"subtasks":[{"key":"IN-2"}]}}`,
		},
		"custom fields": {
			`{"fields":{"customfield_1":"OUT-1","customfield_2":"IN-1","customfield_3":{"data":{"id":1,"key":"OUT-2","summary":"SECRET"}},` +
				`"customfield_4":[{"key":"OUT-1"},{"key":"IN-1"},7,"OUT-3","as OUT-1 says"],"customfield_5":{"key":"OUT","projectTypeKey":"software"},` +
				`"customfield_6":{"self":"https://j/rest/api/2/user?username=ext-1","key":"ext-1","displayName":"Eve"},"customfield_7":null}}`,
			`{"fields":{"customfield_1":null,"customfield_2":"IN-1","customfield_3":{},` +
				`"customfield_4":[{"key":"IN-1"},7,"as OUT-1 says"],"customfield_5":null,` +
				`"customfield_6":{"self":"https://j/rest/api/2/user?username=ext-1","key":"ext-1","displayName":"Eve"},"customfield_7":null}}`,
		},
		"hidden fields": {
			`{"fields":{"customfield_10":"SECRET","summary":"ours"},"names":{"customfield_10":"Salary","x":"Bonus","summary":"Summary"},` +
				`"schema":{"customfield_10":{"type":"SECRET"},"summary":{"type":"string"}},` +
				`"editmeta":{"fields":{"customfield_10":{"name":"SECRET"},"y":{"name":"Bonus"},"summary":{"required":true}}},` +
				`"transitions":[{"id":"1","fields":{"customfield_10":{}}}],` +
				`"changelog":{"histories":[{"id":"1","items":[{"field":"Salary","fieldId":"customfield_10","toString":"SECRET"}]}]}}`,
			`{"fields":{"summary":"ours"},"names":{"summary":"Summary"},"schema":{"summary":{"type":"string"}},` +
				`"editmeta":{"fields":{"summary":{"required":true}}},"transitions":[{"id":"1","fields":{}}],"changelog":{"histories":[]}}`,
		},
		"what no shape names": {
			`{"id":"1","operations":{"linkGroups":["SECRET"]},"renderedFields":{"description":"SECRET"},"more":"SECRET","fields":{"more":"SECRET"}}`,
			`{"id":"1","fields":{}}`,
		},
		"escaped names": {
			`{"fields":{"p\u0061rent":{"k\u0065y":"OUT-1","fields":{"summary":"SECRET"}},"c\u0075stomfield_1":{"k\u0065y":"OUT-1","id":"SECRET"}}}`,
			`{"fields":{"c\u0075stomfield_1":null}}`,
		},
		"white space": {
			" { \"fields\" : { \"subtasks\" : [ { \"key\" : \"OUT-1\" } , { \"key\" : \"IN-1\" , \"id\" : \"5\" } ] } } \n",
			`{"fields":{"subtasks":[{"key":"IN-1","id":"5"}]}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, "issue", ours{hide: []string{"customfield_10", "Salary", "Bonus"}}, c.source, c.want)
			check(t, "issues", ours{hide: []string{"customfield_10", "Salary", "Bonus"}},
				`{"total":1,"issues":[`+c.source+`],"warningMessages":["SECRET"]}`, `{"total":1,"issues":[`+c.want+`]}`)
		})
	}
}

func TestComments(t *testing.T) {
	const internal = `{"id":"1","body":"SECRET","jsdPublic":false}`
	const byProperty = `{"id":"2","body":"SECRET","properties":[{"key":"sd.public.comment","value":{"internal":true}}]}`
	const public = `{"id":"3","body":"ours","jsdPublic":true}`
	all := ours{internal: true}
	check(t, "comments", all,
		`{"startAt":0,"maxResults":50,"total":3,"comments":[`+internal+`,`+byProperty+`,`+public+`]}`,
		`{"comments":[`+public+`],"startAt":0,"maxResults":50,"total":1}`)
	check(t, "issue", all,
		`{"fields":{"comment":{"comments":[`+internal+`,`+byProperty+`,`+public+`],"maxResults":3,"total":3,"startAt":0}}}`,
		`{"fields":{"comment":{"comments":[`+public+`],"startAt":0,"maxResults":1,"total":1}}}`)
	check(t, "comments", ours{},
		`{"comments":[`+internal+`,`+public+`],"total":2}`,
		`{"comments":[`+internal+`,`+public+`],"total":2}`)
}

// Pages of comments tell of no comment that is hidden, and clients that ask for page after page reach all others.
func TestCommentPages(t *testing.T) {
	const internal = `{"id":"1","body":"SECRET","jsdPublic":false}`
	const public = `{"id":"3","body":"ours","properties":[]}`
	all := ours{internal: true}
	check(t, "comments", all, `{"startAt":0,"maxResults":2,"total":5,"comments":[`+internal+`,`+public+`]}`,
		`{"comments":[`+public+`],"startAt":0,"maxResults":2,"total":3}`)
	check(t, "comments", all, `{"startAt":2,"maxResults":2,"total":5,"comments":[`+internal+`,`+internal+`]}`,
		`{"comments":[],"startAt":2,"maxResults":2,"total":5}`)
	check(t, "comments", all, `{"startAt":4,"maxResults":2,"total":5,"comments":[`+internal+`]}`,
		`{"comments":[],"startAt":4,"maxResults":2,"total":4}`)
	check(t, "comments", ours{}, `{"startAt":0,"maxResults":2,"total":5,"comments":[`+internal+`,`+public+`]}`,
		`{"comments":[`+internal+`,`+public+`],"startAt":0,"maxResults":2,"total":5}`)
}

// A page of no elements would tell whether there are hidden ones.
func TestEmptyPages(t *testing.T) {
	check(t, "fields", ours{}, `{"startAt":0,"maxResults":0,"total":1,"values":[]}`, `{"values":[],"startAt":0,"maxResults":0,"total":0}`)
	check(t, "comments", ours{internal: true}, `{"startAt":0,"maxResults":0,"total":1,"comments":[]}`, `{"comments":[],"startAt":0,"maxResults":0,"total":0}`)
}

// Other pages keep Jira's total until the last one.
func TestChangelogPages(t *testing.T) {
	const status = `{"id":"1","items":[` + statusItem + `]}`
	const link = `{"id":"2","items":[` + linkItem + `]}`
	check(t, "changelog", ours{}, `{"startAt":0,"maxResults":2,"total":3,"isLast":false,"values":[`+status+`,`+link+`]}`,
		`{"isLast":false,"values":[`+status+`],"startAt":0,"maxResults":2,"total":3}`)
	check(t, "changelog", ours{}, `{"startAt":2,"maxResults":2,"total":3,"isLast":true,"values":[`+link+`]}`,
		`{"isLast":true,"values":[],"startAt":2,"maxResults":2,"total":2}`)
}

func TestProjects(t *testing.T) {
	const inside = `{"id":"10000","key":"IN","name":"ours"}`
	const outside = `{"id":"10001","key":"OUT","name":"SECRET"}`
	check(t, "projects", ours{}, `[`+outside+`,`+inside+`]`, `[`+inside+`]`)
	check(t, "projects", ours{}, `{"total":2,"isLast":true,"values":[`+inside+`,`+outside+`]}`,
		`{"isLast":true,"values":[`+inside+`],"total":1}`)
	check(t, "project", ours{}, `{"id":"10000","insight":{"totalIssueCount":5}}`, `{"id":"10000"}`)
}

// TestUnmarkedComments: Data Center does not say inside an issue which comments are
// internal, so none is shown if internal ones are hidden.
func TestUnmarkedComments(t *testing.T) {
	const text = `{"comments":[{"id":"1","body":"SECRET"},{"id":"2","body":"SECRET","properties":[{"key":"sd.public.comment","value":{"internal":true}}]},{"id":"3","properties":[]}]}`
	check(t, "comments", ours{internal: true}, text, `{"comments":[{"id":"3","properties":[]}]}`)
}
