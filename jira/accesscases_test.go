package jira

import (
	"strings"
	"testing"
)

func TestAccess(t *testing.T) {
	o := defaultOperations(t)
	for _, line := range strings.Split(strings.TrimSpace(accessCases), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 3 {
			t.Fatalf("bad line %q", line)
		}
		method, path, want := f[0], f[1], f[2]
		got := "refused"
		var match Match
		if err := CheckPath(path); err == nil {
			var a Access
			a, match = o.Access(method, path)
			got = a.String()
		}
		if got != want {
			t.Errorf("%s %s is %s by %v, want %s", method, path, got, match, want)
		}
	}
}

// accessCases lists the access of requests, or "refused" if CheckPath rejects the
// path. The attacks assume somebody with a read token.
const accessCases = `
# the 19 core POSTs that read, and the one in Service Management
POST /rest/api/2/search read
POST /rest/api/3/search/jql read
POST /rest/api/3/search/approximate-count read
POST /rest/api/3/search/id read
POST /rest/api/3/issue/bulkfetch read
POST /rest/api/latest/issue/watching read
POST /rest/api/3/issue/ABC-1/changelog/list read
POST /rest/api/3/changelog/bulkfetch read
POST /rest/api/3/comment/list read
POST /rest/api/2/worklog/list read
POST /rest/api/3/jql/parse read
POST /rest/api/3/jql/match read
POST /rest/api/3/jql/autocompletedata read
POST /rest/api/3/jql/pdcleaner read
POST /rest/api/3/permissions/check read
POST /rest/api/3/permissions/project read
POST /rest/api/3/expression/analyse read
POST /rest/api/3/expression/evaluate read
POST /rest/api/3/expression/eval read
POST /rest/servicedeskapi/servicedesk/1/requesttype/permissions/check read
POST /rest/api/2/search/ read
POST /rest/assets/1.0/object/aql read
POST /rest/assets/1.0/object/navlist/aql read
POST /rest/insight/1.0/object/navlist/iql read

# look-alikes that write, and reads by POST turned into writes
PUT /rest/api/3/issues/archive/export admin
POST /rest/api/3/issue/properties write
POST /rest/api/2/issue/ABC-1/notify write
PUT /rest/api/2/issue/bulkfetch write
DELETE /rest/api/2/issue/bulkfetch write
PUT /rest/api/3/issue/watching write
POST /rest/api/2/issue write
POST /rest/api/2/issue/ write
POST /rest/api/2/issue/bulk write
POST /rest/api/2/issue/ABC-1/comment write
POST /rest/api/2/issue/search/comment write
POST /rest/api/3/task/1/cancel admin
POST /rest/assets/1.0/object/create write
DELETE /rest/assets/1.0/object/aql write
PUT /rest/api/2/search admin
DELETE /rest/api/2/search admin
PATCH /rest/api/2/search admin
POST /rest/api/2/search/x admin
POST /rest/api/2/search/jql/x admin
POST /rest/api/3/jql/function/computation/search never
POST /rest/api/3/jql/function/computation never
GET /rest/api/3/jql/function/computation/search never

# extensions, slashes and case
POST /rest/api/2/search.json admin
POST /rest/api/2/search.JSON/ admin
POST /rest/api/2/issue/bulkfetch.json admin
POST /rest/api/2/SEARCH admin
POST /rest/api/2/Issue/ABC-1/changelog/list admin
POST /REST/api/2/search write
GET /rest/api/2/issue/ABC-1.json read
PUT /rest/api/2/issue/ABC-1.json write
GET /rest/api/2/search.json read
GET /rest/api/2/reindex read-all
GET /rest/API/2/Reindex read-all
GET /rest/api/2/reindex.json read-all
GET /rest/api/2/reindex.json.xml read-all
GET /rest/api/2/reindex.HTML/ read-all
GET /rest/api/2/reindex/.json read-all
GET /REST/API/LATEST/REINDEX/.json.xml/ read-all
GET /rest/api/2/reindex/foo read-all
GET /rest/auth/1/session never
GET /rest/auth/1/session.json never
GET /rest/auth/latest/session never
GET /rest/auth/2/session.json.atom/ never
GET /rest/Auth/1/Session never
GET /REST/AUTH/1/SESSION never
HEAD /rest/auth/1/session never
OPTIONS /rest/auth/1/session never
GET /rest/auth/1/whatever never
GET /rest/auth never
GET /rest/auth/ never
GET /rest/auth.json never
POST /rest/auth/1/session/ never
GET /rest/api/2/a.json.json.json.json.json.json.json.json.json.json never
GET /rest/%EF%BD%81uth/1/session never
GET /rest/auth/1/%C5%BFession never
GET /rest/p%EF%BD%81t/latest/tokens never
GET /rest/api/2/%C5%BFtatus/page read-all
POST /rest/api/2/%C5%BFearch admin

# methods
TRACE /rest/api/2/issue/ABC-1 never
get /rest/api/2/issue/ABC-1 never
PROPFIND /rest/api/2/issue/ABC-1 never
CONNECT /rest/api/2/issue/ABC-1 never
HEAD /rest/api/2/issue/ABC-1 read
HEAD /rest/api/2/cluster/nodes read-all
OPTIONS /rest/api/2/issue/ABC-1 read
OPTIONS /rest/api/2/reindex read
OPTIONS /rest/api/2/user/password never
OPTIONS /rest/pat/latest/tokens never
OPTIONS /rest/forge/1/unknown never
OPTIONS /rest/other/1/x read

# never
GET /rest/pat/latest/tokens never
POST /rest/pat/latest/tokens never
GET /rest/pat never
DELETE /rest/pat/1.0/tokens/1 never
PUT /rest/api/2/myself/password never
PUT /rest/api/latest/user/password never
GET /rest/api/2/user/password never
GET /rest/api/2/password/policy never
GET /rest/api/2/password never
DELETE /rest/api/3/user/session/fred never
GET /rest/api/2/user/session/fred never
GET /rest/atlassian-connect/1/addons/x/properties never
GET /rest/atlassian-connect/latest/unknown never
GET /rest/forge/1/app/properties never
POST /rest/internal/api/latest/worklog/bulk never
GET /rest/internal/2/user/mention/search never
POST /rest/gadget/1.0/login never
GET /rest/gadget/1.0/login.json never
GET /rest/gadget/1.0/statistics read
POST /rest/tsv/1.0/authenticate never
GET /rest/authconfig/1.0/idps never
POST /rest/oauth2/latest/token never
GET /rest/usermanagement/1/user never
POST /gateway/api/graphql never
GET /gateway/api/graphql never
POST /gateway/api/jsm/assets/workspace/1/v1/object/aql never
POST /rpc/soap/jirasoapservice-v2 never

# administration
GET /rest/plugins/1.0/ read-all
POST /rest/plugins/1.0/ never
GET /rest/plugins read-all
POST /rest/webhooks/1.0/webhook admin
POST /rest/scriptrunner/latest/user/exec never
GET /rest/scriptrunner/latest/custom/report read
POST /rest/scriptrunner/latest/custom/report write
GET /rest/scriptrunner/latest/CUSTOM/report never
GET /rest/scriptrunner/custom/report never
GET /rest/applinks/3.0/applinks read-all
GET /rest/auditing/1.0/events read-all

# undocumented operations of Jira's own APIs, odd versions
GET /rest/api/2/undocumented read
POST /rest/api/2/undocumented admin
POST /rest/api/1.0/render admin
DELETE /rest/agile/1.0/undocumented admin
PATCH /rest/servicedeskapi/undocumented admin
POST /rest/api/search admin
POST /rest/api/private/search admin
GET /rest/api/private/search read
POST /rest/api/latest/search read
POST /rest/api/2.0.alpha1/search read
POST /rest/api/LATEST/search read
POST /rest/agile/latest/board write
GET /rest/api/2/workflow/search/x read-all
GET /rest/api read
POST /rest/api/2 admin

# other apps, downloads and pages
GET /rest/tempo-timesheets/4/worklogs read
POST /rest/tempo-timesheets/4/worklogs/search write
PUT /rest/greenhopper/1.0/x write
GET /secure/attachment/10000/report.pdf read
GET /secure/attachment/10000/Trick.jspa read
GET /secure/thumbnail/10000/_thumb_10000.png read
GET /secure/viewavatar read
POST /secure/attachment/10000/x never
GET /secure/DeleteIssue.jspa never
GET /secure/admin/EditAnnouncementBanner.jspa never
GET /secure/admin/x never
GET /rest/x/DeleteIssue.jspa never
GET /rest/api/2/issue/ABC-1/properties/DeleteIssue.JSPA never
GET /rest/api/2/issue/DeleteIssue.jspa.json never
OPTIONS /rest/x/DeleteIssue.jspa never
GET /browse/ABC-1 read
GET /s/x/_/rest/auth/1/session never
GET /S/x/_/rest/auth/1/session never
GET /plugins/servlet/gadgets/makeRequest never

# paths with two readings
GET /rest/api/2/issue/../../../auth/1/session refused
GET /rest/api/2/issue/..%2F..%2Freindex refused
GET /rest/api/2/issue/%2e%2e/reindex refused
GET /rest/api/2/issue/.%2e/reindex refused
GET /rest/api/2/issue/..;/reindex refused
GET /rest/api/2/issue/..;x=y/reindex refused
GET /rest/api/2/issue/%2E%2E;/reindex refused
GET /rest/api/2/./reindex refused
GET /rest/api/2/.../reindex refused
GET /rest/api/2/issue/...json refused
GET /rest/api/2/issue/..json/ refused
GET /rest/api/2/issue/...json.xml refused
GET /rest//auth/1/session refused
GET //rest/auth/1/session refused
GET /rest/auth/1/session// refused
GET /rest/auth;x/1/session refused
GET /rest/auth/1/session;.json refused
GET /rest/auth/1/session%3Bx refused
GET /rest/auth/1/sessio%6e refused
GET /rest/a%75th/1/session refused
GET /rest/api/2/re%69ndex refused
GET /rest/api/2/reindex%2ejson refused
GET /rest/auth\1\session refused
GET /rest/auth%5C1%5Csession refused
GET /rest/auth%2f1%2fsession refused
GET /rest/auth%252f1%252fsession refused
GET /rest/auth/1/session%00 refused
GET /rest/auth/1/session%0d%0aX:y refused
GET /rest/auth/1/session%7F refused
GET /rest/auth/1/session%C2%85 refused
GET /rest/auth/1/session%3Fx refused
GET /rest/auth/1/session%23x refused
GET /rest/auth/1/session# refused
GET /rest/auth/1/session%u002e refused
GET /rest/auth/1/session% refused
GET /rest/auth/1/session%4 refused
GET /rest/api/2/issue/%c0%ae%c0%ae/reindex refused
GET /rest%c0%afauth/1/session refused
GET /rest%EF%BC%8Fauth/1/session refused
GET /rest/api/2/%EF%BC%8E%EF%BC%8E/reindex refused
GET /rest/api/2/%E2%80%A5/reindex refused
GET /rest/auth/1/session%CD%BEx refused
GET /rest/auth/1/session%ED%A0%80 refused
GET /rest/auth/1/sessionü refused
GET /rest/auth/1/session"x refused
GET /rest/auth/1/{session} refused
GET rest/auth/1/session refused
GET * refused
GET http://jira/rest/auth/1/session refused
GET /secure/attachment/1/..%2f..%2frest%2fauth refused
GET /secure/attachment/1/%2e%2e/x refused
GET /secure/attachment/1/%252e%252e%252frest refused
`

// FuzzAccess: Access never panics, a trailing slash changes nothing, and no other
// spelling of a request for an operation in the table (case, an extension, a
// trailing slash, HEAD for GET) needs less access than the operation does.
func FuzzAccess(f *testing.F) {
	f.Add("GET", "/rest/api/2/issue/ABC-1", uint16(7), "ABC-1", uint64(3))
	f.Add("POST", "/rest/api/2/search.json/", uint16(900), "a%40b.com", uint64(0xffff))
	f.Add("OPTIONS", "/%", uint16(1800), "%C3%BC", uint64(1<<40))
	f.Add("GET", "//.json/%EF%BD%81", uint16(0), "x.json", uint64(5))
	o, rows := defaultOperations(f), documentedRows(f)
	f.Fuzz(func(t *testing.T, method, path string, index uint16, value string, variant uint64) {
		access, _ := o.Access(method, path)
		if access > AccessNever {
			t.Fatalf("%s %q is %v", method, path, access)
		}
		if CheckPath(path) == nil && !strings.HasSuffix(path, "/") {
			if slash, _ := o.Access(method, path+"/"); slash != access {
				t.Fatalf("%s %q is %v, with a slash %v", method, path, access, slash)
			}
		}

		row := rows[int(index)%len(rows)]
		if value == "" || strings.Contains(value, "/") {
			return
		}
		request := fill(row[2], value)
		if CheckPath(request) != nil {
			return
		}
		method = row[1]
		want, _ := o.Access(method, request)
		if documented, _ := parseAccess(row[3]); want < documented {
			// The value made it a more specific operation, such as /issue/bulkfetch.
			_, match := o.Access(method, request)
			if match.Template == row[2] {
				t.Fatalf("%s %s is %v, documented as %v", method, request, want, documented)
			}
			return
		}
		spelled := []byte(request)
		for i, c := range spelled {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			if variant>>(uint(i)%48)&1 == 1 && letter {
				spelled[i] = c ^ 0x20
			}
		}
		other := string(spelled)
		if variant>>48&1 == 1 {
			other += extensions[int(variant>>50)%len(extensions)]
		}
		if variant>>49&1 == 1 {
			other += "/"
		}
		if method == "GET" && variant>>60&1 == 1 {
			method = "HEAD"
		}
		if got, match := o.Access(method, other); got < want {
			t.Fatalf("%s %s is %v by %v, but %s is %v", method, other, got, match, request, want)
		}
	})
}

func BenchmarkAccess(b *testing.B) {
	o := defaultOperations(b)
	for _, c := range []struct{ name, method, path string }{
		{"issue", "GET", "/rest/api/2/issue/ABC-1234"},
		{"search", "POST", "/rest/api/3/search/jql"},
		{"comment", "PUT", "/rest/api/latest/issue/ABC-1234/comment/10001"},
		{"properties", "GET", "/rest/agile/1.0/board/12/properties/my.key"},
		{"encoded", "GET", "/rest/api/2/status/In%20Progress"},
		{"app", "GET", "/rest/tempo-timesheets/4/worklogs/12"},
		{"download", "GET", "/secure/attachment/10000/report.pdf"},
		{"folded", "GET", "/rest/API/2/Issue/ABC-1.json"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o.Access(c.method, c.path)
			}
		})
	}
}

func TestAccessDoesNotAllocate(t *testing.T) {
	o := defaultOperations(t)
	for _, path := range []string{"/rest/api/2/issue/ABC-1", "/rest/API/2/Issue/ABC-1.json/", "/rest/x/1", "/rest/api/2/status/%C5%BF"} {
		if n := testing.AllocsPerRun(100, func() { o.Access("GET", path) }); n != 0 {
			t.Errorf("Access of %s allocates %v times", path, n)
		}
	}
}

// TestConnectorsRead: read-all covers everything that Airbyte's source-jira,
// Singer's tap-jira and Backstage's plugins read.
func TestConnectorsRead(t *testing.T) {
	o := defaultOperations(t)
	for _, path := range []string{
		"applicationrole", "avatar/project/system", "dashboard", "filter/search", "filter/1/permission", "group/bulk", "group/member", "search", "search/jql", "issue/A-1", "issue/A-1/comment",
		"issue/A-1/changelog", "issue/A-1/transitions", "field", "fieldconfiguration", "field/customfield_1/context", "field/customfield_1/context/1/option", "issueLinkType", "settings/columns",
		"notificationscheme", "notificationscheme/1", "priority/search", "issue/A-1/properties", "issue/A-1/properties/k", "issue/A-1/remotelink", "resolution/search", "resolution", "issuesecurityschemes",
		"issuesecurityschemes/1", "issuetype", "issuetypescheme", "issuetypescreenscheme", "issue/A-1/votes", "issue/A-1/watchers", "issue/A-1/worklog", "application-properties", "label", "permissions",
		"permissionscheme", "project/search", "project", "project/A", "project/A/avatars", "projectCategory", "project/A/component", "project/1/email", "project/A/securitylevel", "project/A/role", "project/type",
		"project/A/version", "role", "screens", "screens/1/tabs", "screens/1/tabs/2/fields", "screenscheme", "configuration/timetracking/list", "users/search", "user", "user/search", "workflow/search",
		"workflows/search", "workflowscheme", "status", "statuscategory", "statuses/search", "worklog/updated", "worklog/deleted", "serverInfo", "myself", "auditing/record",
		"../../dev-status/1.0/issue/detail", "../../agile/1.0/board", "../../agile/1.0/board/1/sprint", "../../agile/1.0/board/1/issue", "../../agile/1.0/sprint/1/issue", "../../../activity",
	} {
		path = strings.Replace("/rest/api/3/"+path, "/api/3/../..", "", 1)
		path = strings.Replace(path, "/rest/../activity", "/activity", 1)
		if access, match := o.Access("GET", path); access > AccessReadAll {
			t.Errorf("GET %s is %v by %v", path, access, match)
		}
	}
}

// TestNoAccessInBetween: no two operations that could both decide the same path
// need read-all and write, neither of which includes the other.
func TestNoAccessInBetween(t *testing.T) {
	o := defaultOperations(t)
	for _, a := range o.list {
		for _, b := range o.list {
			if a.Access == AccessReadAll && b.Access == AccessWrite && a.Method == b.Method && len(a.segments) == len(b.segments) &&
				a.covers(b.template) && b.covers(a.template) {
				t.Errorf("%s (%s) and %s (%s)", a.Operation, a.Source, b.Operation, b.Source)
			}
		}
	}
}
