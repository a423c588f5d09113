package gatewaytest

import "testing"

// TestScope sends operations of every kind with tokens of every scope.
func TestScope(t *testing.T) {
	g := startGateway(t, options{site: "reads POST /rest/tempo-timesheets/4/worklogs/search"})
	read, write, admin := g.issue("alice", "read"), g.issue("alice", "write"), g.issue("alice", "admin")
	no, never := refused(403, "scope_insufficient"), refused(403, "path_denied")
	for _, c := range []struct {
		method, target, body string
		read, write, admin   want
	}{
		{"GET", "/rest/api/2/issue/A-1", "", passes, passes, passes},
		{"GET", "/rest/api/latest/issue/A-1", "", passes, passes, passes},
		{"HEAD", "/rest/api/3/issue/A-1", "", passes, passes, passes},
		{"OPTIONS", "/rest/api/3/issue/A-1", "", passes, passes, passes},
		{"POST", "/rest/api/2/search", "{}", passes, passes, passes},
		{"POST", "/rest/api/3/search/jql", "{}", passes, passes, passes},
		{"POST", "/rest/api/2/search/", "{}", passes, passes, passes},
		{"POST", "/rest/api/3/issue/bulkfetch", "{}", passes, passes, passes},
		{"POST", "/rest/api/3/jql/parse", "{}", passes, passes, passes},
		{"POST", "/rest/api/3/permissions/check", "{}", passes, passes, passes},
		{"POST", "/rest/tempo-timesheets/4/worklogs/search", "{}", passes, passes, passes},
		{"POST", "/rest/tempo-timesheets/4/worklogs", "{}", no, passes, passes},
		{"POST", "/rest/api/3/issue", "{}", no, passes, passes},
		{"PUT", "/rest/api/3/issue/A-1", "{}", no, passes, passes},
		{"DELETE", "/rest/api/3/issue/A-1", "", no, passes, passes},
		{"POST", "/rest/api/2/issue/A-1/comment", "{}", no, passes, passes},
		{"POST", "/rest/api/3/issue/A-1/notify", "{}", no, passes, passes},
		{"PUT", "/rest/api/3/issue/bulkfetch", "{}", no, passes, passes},
		{"POST", "/rest/api/3/issue/A-1/attachments", "{}", no, passes, passes},
		{"POST", "/rest/api/3/project", "{}", no, no, passes},
		{"PUT", "/rest/api/3/notundocumentedatall", "{}", no, no, passes},
		{"POST", "/rest/pat/latest/tokens", "{}", never, never, never},
		{"GET", "/rest/pat/latest/tokens", "", never, never, never},
		{"POST", "/rest/auth/1/session", "{}", never, never, never},
		{"GET", "/secure/Dashboard.jspa", "", never, never, never},
		{"GET", "/secure/issueAttachments/1/ViewSystemInfo.jspa", "", never, never, never},
		{"POST", "/secure/attachment/1/AddUser.jspa", "", never, never, never},
		{"GET", "/secure/attachmentzip/10000.zip", "", passes, passes, passes},
		{"GET", "/activity?maxResults=10", "", passes, passes, passes},
		{"POST", "/rest/nativemobile/1.0/batch", "{}", never, never, never},
		{"POST", "/rest/de.resolution.apitokenauth/latest/user/token", "{}", never, never, never},
		{"GET", "/rest/de.resolution.apitokenauth/latest/user/tokensByFilter", "", never, never, never},
		{"POST", "/rest/datapipeline/latest/export", "{}", no, no, passes},
		{"PUT", "/rest/api/2/myself", "{}", never, never, never},
		{"GET", "/rest/basicauth/1.0/config", "", never, never, never},
		{"GET", "/", "", never, never, never},
		{"GET", "/browse/A-1", "", never, never, never},
		{"GET", "/rest/api/2/issue/A-1.jspa", "", never, never, never},
		{"POST", "/gateway/api/graphql", "{}", never, never, never},
		{"GET", "/secure/attachment/10001/a%3Bb%20%23c.pdf", "", passes, passes, passes},
		{"GET", "/secure/viewavatar?size=small", "", passes, passes, passes},
		{"TRACE", "/rest/api/3/issue/A-1", "", never, never, never},
		{"FOO", "/rest/api/3/issue/A-1", "", never, never, never},
		{"get", "/rest/api/3/issue/A-1", "", never, never, never},
		{"PROPFIND", "/rest/api/3/issue/A-1", "", never, never, never},
		{"GET\u00e9", "/rest/api/3/issue/A-1", "", want{status: 400}, want{status: 400}, want{status: 400}},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			var body []string
			if c.body != "" {
				body = []string{c.body}
			}
			g.check(t, g.do(c.method, c.target, read.basic(), body...), c.read)
			g.check(t, g.do(c.method, c.target, write.basic(), body...), c.write)
			for _, a := range g.check(t, g.do(c.method, c.target, admin.basic(), body...), c.admin) {
				if a.line != c.method+" "+c.target+" HTTP/1.1" {
					t.Errorf("arrived as %s", a.line)
				}
			}
		})
	}
}

// TestScopeReadAll: read-all reads administrative data, and changes nothing.
func TestScopeReadAll(t *testing.T) {
	g := startGateway(t, options{})
	all, write := g.issue("alice", "read-all"), g.issue("alice", "write")
	no := refused(403, "scope_insufficient")
	for _, c := range []struct {
		method, target string
		all, write     want
	}{
		{"GET", "/rest/api/3/issue/A-1", passes, passes},
		{"GET", "/rest/api/3/workflow/search", passes, no},
		{"POST", "/rest/api/3/workflows", passes, no},
		{"GET", "/rest/datapipeline/latest/export", passes, no},
		{"POST", "/rest/api/3/issue", no, passes},
		{"POST", "/rest/api/3/project", no, no},
		{"GET", "/rest/pat/latest/tokens", refused(403, "path_denied"), refused(403, "path_denied")},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			g.check(t, g.do(c.method, c.target, all.basic(), "{}"), c.all)
			g.check(t, g.do(c.method, c.target, write.basic(), "{}"), c.write)
		})
	}
}

func TestScopeByMethod(t *testing.T) {
	g := startGateway(t, options{site: "scope_by method\nreads POST /rest/api/2/search\npaths /rest/api/* /plugins/*"})
	read, write := g.issue("alice", "read"), g.issue("alice", "write")
	no, denied := refused(403, "scope_insufficient"), refused(403, "path_denied")
	for _, c := range []struct {
		method, target string
		read, write    want
	}{
		{"GET", "/rest/api/2/issue/A-1", passes, passes},
		{"POST", "/rest/api/2/search", passes, passes},
		{"POST", "/rest/api/3/search/jql", no, passes},
		{"POST", "/rest/api/3/project", no, passes},
		{"GET", "/plugins/x", passes, passes},
		{"POST", "/plugins/x", no, passes},
		{"GET", "/rest/agile/1.0/board", denied, denied},
		{"GET", "/secure/attachment/1/a.txt", denied, denied},
		{"GET", "/rest/api", denied, denied},
		{"GET", "/REST/api/2/issue/A-1", denied, denied},
		{"TRACE", "/plugins/x", denied, denied},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			g.check(t, g.do(c.method, c.target, read.basic(), ""), c.read)
			g.check(t, g.do(c.method, c.target, write.basic(), ""), c.write)
		})
	}
}
