package jira

import "testing"

// TestPrefix: whatever the option `paths` adds, a prefix that Jira or a proxy
// behind the gateway strips does not bypass the table.
func TestPrefix(t *testing.T) {
	o := defaultOperations(t)
	for _, path := range []string{
		"/jira/rest/api/2/myself", "/jira/rest/api/2/issue/A-1", "/ex/jira/c/rest/api/3/webhook", "/JIRA/REST/api/2/myself", "/jira/re%C5%BFt/api/2/myself",
		"/jira/%EF%BD%92est/api/2/myself", "/a/b/c/d/e/f/rest/pat/latest/tokens", "/jira/rest/x/", "/jira/secure/AddUser", "/jira/Secure/attachment/1/a.pdf",
		"/jira/s/x/_/rest/plugins/1.0/", "/jira/s/x/y/_/download/z", "/jira/S/x/_/AddUser", "/s/x/_/AddUser", "/WEB-INF/web.xml", "/web-inf/", "/WEB-INF", "/META-INF/maven/pom.xml",
		"/jira/WEB-INF/web.xml", "/jira/meta-inf/x", "/%EF%BC%B7EB-INF/web.xml", "/jira/webwork/x", "/jira/plugins/servlet/upm", "/jira/plugins/Servlet/oauth",
		"/x/gateway/api/graphql", "/jira/rpc/soap/jirasoapservice-v2", "/jira/rpc/xmlrpc", "/browse/rest/api/2/myself",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
			if got, match := o.Access(method, path); got != AccessNever {
				t.Errorf("%s %s is %v by %v, want never", method, path, got, match)
			}
		}
	}
	for _, path := range []string{
		"/rest/api/2/project/REST/components", "/rest/api/2/project/SECURE/components", "/rest/api/2/issue/S-1", "/rest/app/1/project/REST/x", "/browse/REST-1", "/browse/REST", "/projects/SECURE",
		"/rest/api/2/project/S/_", "/secure/attachment/10000/WEB-INF", "/secure/attachment/10000/rest", "/download/resources/servlet/api", "/x/_/y", "/images/api/x",
	} {
		if got, match := o.Access("GET", path); got != AccessRead {
			t.Errorf("GET %s is %v by %v, want read", path, got, match)
		}
	}
	if _, err := o.With([]Operation{{Method: "POST", Path: "/jira/rest/api/2/search"}}); err == nil {
		t.Error("accepted a read below a prefix, which can never take effect")
	}
	if n := testing.AllocsPerRun(100, func() { o.Access("GET", "/jira/some/path/to/rest/api/2/myself") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
