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

// TestPrivateNames: in apps that no table describes, no method opens paths that are
// about credentials or carry other requests.
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
		// Words told apart by case, also after an acronym.
		"/rest/app/1/SSOConfig", "/rest/app/1/SAMLConfig", "/rest/app/1/MFASettings", "/rest/app/1/OTPCode", "/rest/app/1/UserPAT", "/rest/app/1/userPATs", "/rest/app/1/2FA",
		"/rest/app/1/user2FA", "/rest/app/1/my-2fa", "/rest/app/1/auth2", "/rest/app/1/authv2", "/rest/app/1/AuthV2", "/rest/app/1/authn", "/rest/app/1/authz/x", "/rest/app/1/mfa2",
		"/rest/userauth/1/x", "/rest/basicauth/1/x", "/rest/app/1/UserAuth", "/rest/app/1/authorise", "/rest/app/1/authorisation", "/rest/app/1/pat", "/rest/app/1/pats/3",
		"/rest/app/1/personalAccess", "/rest/app/1/personal-access/x", "/rest/app/1/api/keys", "/rest/app/1/api/key", "/rest/app/1/access/keys/3", "/rest/app/1/run/as", "/rest/app/1/log/in",
		"/rest/app/1/passcode", "/rest/app/1/pin", "/rest/app/1/PIN", "/rest/app/1/resetPw", "/rest/app/1/keystore", "/rest/app/1/keyStore", "/rest/app/1/certificate", "/rest/app/1/certificates",
		"/rest/app/1/cookie", "/rest/app/1/userCookies", "/rest/app/1/magicLink", "/rest/app/1/asUser", "/rest/app/1/executeAsUser", "/rest/app/1/onBehalfOf", "/rest/app/1/on-behalf-of/x",
		// Requests within requests, and code.
		"/rest/app/jsonrpc", "/rest/app/json-rpc", "/rest/app/1/rpc", "/rest/app/1/multi", "/rest/app/1/composite", "/rest/app/1/subrequests", "/rest/app/1/sub-requests",
		"/rest/app/1/exec", "/rest/app/1/execute", "/rest/app/1/eval", "/rest/app/1/script", "/rest/app/1/scripts/3", "/rest/app/1/runScript", "/rest/app/1/proxy", "/rest/app/1/httpProxy",
		"/rest/samlconfig/1/x", "/rest/samlsso/1/x", "/rest/ssoconfig/1/x", "/rest/com.miniorange.sso/1/x", "/rest/jmwe/1/run", "/rest/app/1/%EF%BD%81uth",
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
		"/rest/app/1/multiSelect", "/rest/raven/1.0/import/execution/multipart", "/rest/zapi/latest/zql/executeSearch", "/rest/app/1/pinBoard", "/rest/app/1/patterns", "/rest/app/1/description",
		"/rest/app/1/hasUserPermission", "/rest/app/1/lessons", "/rest/app/1/8a1b2c3d-2fa0-4e1f-a2fa-0123456789ab", "/rest/app/1/path", "/rest/app/1/evaluation", "/rest/app/1/authority",
		"/rest/app/1/PATCH-1", "/rest/atm/1.0/testcase/T-1/testscript", "/rest/tempo-accounts/1/account/key/A", "/rest/app/1/api/test", "/rest/structure/2.0/forest/latest", "/rest/app/1/executions",
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

func TestPrivateNamesDoNotAllocate(t *testing.T) {
	o := defaultOperations(t)
	if n := testing.AllocsPerRun(100, func() {
		o.Access("GET", "/rest/com.example.an-app-with-a-long-key-of-its-own/1.0/someRather-longName-withoutMeaning/a/b")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
