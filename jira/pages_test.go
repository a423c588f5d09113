package jira

import "testing"

func TestPages(t *testing.T) {
	o := defaultOperations(t)
	for path, want := range map[string]string{
		"/secure/attachment/10000/report.pdf":                     "read",
		"/secure/attachment/10000/Trick.jspa":                     "read", // Jira maps the prefix first
		"/secure/attachment/10000/x.vm":                           "read",
		"/secure/thumbnail/10000/_thumb_10000.png":                "read",
		"/secure/attachmentzip/10000.zip":                         "read",
		"/secure/attachmentzip/unzip/11137/10327%5B3%5D/a/B.java": "read",
		"/secure/attachmentzip/unzip/11137/10327%5b3%5d/b.jspa":   "read",
		"/secure/projectavatar":                                   "read",
		"/secure/viewavatar":                                      "read",
		"/secure/useravatar":                                      "read",
		"/secure/attachment":                                      "never",
		"/secure/attachment/":                                     "never",
		"/secure/attachment/10000":                                "never",
		"/secure/attachment/10000/":                               "never",
		"/secure/attachment/10000/a/b":                            "never",
		"/secure/attachment/x/a.pdf":                              "never",
		"/secure/attachment/10000a/AddUser.jspa":                  "never",
		"/secure/attachment/AddUser.jspa":                         "never",
		"/secure/Attachment/10000/a.pdf":                          "never",
		"/secure/thumbnail/ViewSystemInfo.jspa":                   "never",
		"/secure/issueAttachments/1/ViewSystemInfo.jspa":          "never",
		"/secure/issueAttachments/1/a.pdf":                        "never",
		"/secure/attachmentzip/AddUser.jspa":                      "never",
		"/secure/attachmentzip/10000.zip/AddUser.jspa":            "never",
		"/secure/attachmentzip/x.zip":                             "never",
		"/secure/attachmentzip/unzip/AddUser.jspa":                "never",
		"/secure/attachmentzip/unzip/1/2/AddUser.jspa":            "never",
		"/secure/attachmentzip/unzip/1/%5B3%5D/AddUser.jspa":      "never",
		"/secure/projectavatar/AddUser.jspa":                      "never",
		"/secure/projectavatar/":                                  "never",
		"/secure/viewavatar.jspa":                                 "never",
		"/secure/Dashboard":                                       "never",
		"/secure":                                                 "never",
		"/secure/":                                                "never",
		"/Secure/x":                                               "never",
		"/%EF%BD%93ecure/x":                                       "never",
		"/secure/admin/x":                                         "never",
		"/browse/ABC-1":                                           "read",
		"/browse/ABC-1.jspa":                                      "never",
		"/x.jspa/y":                                               "never",
		"/x.JSPA.":                                                "never",
		"/x.jspa..":                                               "never",
		"/x.jspa%20":                                              "never",
		"/x.jspa:y":                                               "never",
		"/x.jspa,y/z":                                             "never",
		"/x.jspa.json":                                            "never",
		"/x.j%C5%BFpa":                                            "never",
		"/x.%EF%BD%8Aspa":                                         "never",
		"/rest/x/1/y.jspa":                                        "never",
		"/rest/x/y.vm/1":                                          "never",
		"/rest/x/y.vmd":                                           "never",
		"/rest/x/login.jsp":                                       "never",
		"/rest/x/com.vmware.y":                                    "read",
		"/rest/x/jspa":                                            "read",
		"/templates/x.vm":                                         "never",
		"/activity":                                               "read",
		"/s/1/_/secure/x":                                         "never",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			if got, match := o.Access(method, path); got.String() != want {
				t.Errorf("%s %s is %v by %v, want %s", method, path, got, match, want)
			}
		}
	}
	for _, path := range []string{"/secure/attachment/10000/report.pdf", "/secure/attachmentzip/1.zip", "/secure/viewavatar", "/activity"} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			if got, match := o.Access(method, path); got != AccessNever {
				t.Errorf("%s %s is %v by %v, want never", method, path, got, match)
			}
		}
	}
}

// TestPrivateNames: in apps that no table describes, the method alone opens
// nothing that is about credentials, and nothing that carries other requests.
func TestPrivateNames(t *testing.T) {
	o := defaultOperations(t)
	for _, path := range []string{
		"/rest/de.resolution.apitokenauth/latest/user/token", "/rest/de.resolution.apitokenauth/latest/anything",
		"/rest/app/1/user/tokensByFilter", "/rest/app/1/userTokens", "/rest/app/1/apiTokens", "/rest/app/1/accessToken", "/rest/app/1/personal-access-token",
		"/rest/app/1/apikey", "/rest/app/1/api-keys", "/rest/app/1/Api_Key/3", "/rest/app/1/oauth", "/rest/app/1/oauth2/x", "/rest/app/1/credential", "/rest/app/1/Credentials",
		"/rest/app/1/password", "/rest/app/1/userPassword", "/rest/app/1/passwd", "/rest/app/1/session", "/rest/app/1/sessions", "/rest/app/1/login", "/rest/app/1/doLogin",
		"/rest/app/1/batch", "/rest/app/1/batchRequests", "/rest/app/graphql", "/rest/app/1/gql", "/rest/app/1/impersonate", "/rest/app/1/impersonation", "/rest/app/1/sudo",
		"/rest/app/1/secret", "/rest/app/1/clientSecrets", "/rest/app/1/auth", "/rest/app/1/basicAuth", "/rest/app/1/authenticate", "/rest/app/1/SSO/x", "/rest/app/1/%EF%BD%94oken",
		"/rest/app/1/token.json", "/rest/api/2/batch", "/rest/api/3/user/token", "/rest/agile/1.0/batch", "/rest/greenhopper/1.0/batch", "/rest/gadget/1.0/batch", "/rest/analytics/1.0/publish/bulk",
		"/rest/scriptrunner/latest/custom/mintToken", "/plugins/servlet/app/oauth",
	} {
		for _, method := range []string{"GET", "POST"} {
			if got, match := o.Access(method, path); got != AccessNever {
				t.Errorf("%s %s is %v by %v, want never", method, path, got, match)
			}
		}
	}
	for _, path := range []string{
		"/rest/app/1/issue/TOKEN-12", "/rest/api/2/project/TOKEN", "/rest/api/2/user/properties/session", "/rest/agile/1.0/board/1/properties/token",
		"/rest/app/1/authors", "/rest/tempo-timesheets/4/worklogs", "/rest/zapi/latest/execution", "/rest/raven/1.0/api/test", "/rest/plugin/1/bulk", "/rest/app/1/keys",
	} {
		if got, match := o.Access("GET", path); got != AccessRead {
			t.Errorf("GET %s is %v by %v, want read", path, got, match)
		}
	}
}

func TestMatchParam(t *testing.T) {
	o := defaultOperations(t)
	_, m := o.Access("PUT", "/rest/api/latest/issue/ABC-1/comment/10001/")
	if key, ok := m.Param("issueIdOrKey"); key != "ABC-1" || !ok {
		t.Errorf("issueIdOrKey is %q, %t", key, ok)
	}
	if id, ok := m.Param("id"); id != "10001" || !ok {
		t.Errorf("id is %q, %t", id, ok)
	}
	if other, ok := m.Param("comment"); other != "" || ok {
		t.Errorf("comment is %q, %t", other, ok)
	}
	if m.Addressing != AddressingIssue || m.Locator != (Locator{"path", "issueIdOrKey"}) || m.SeveralReadings {
		t.Errorf("%+v", m)
	}
	if _, m := o.Access("GET", "/rest/api/2/issue/ABC-1.json"); !m.SeveralReadings {
		t.Error("a path with an extension has one reading only")
	}
	if n := testing.AllocsPerRun(100, func() { m.Param("id") }); n != 0 {
		t.Errorf("Param allocates %v times", n)
	}
}
