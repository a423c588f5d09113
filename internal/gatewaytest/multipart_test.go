package gatewaytest

import (
	"fmt"
	"strings"
	"testing"
)

// TestMultipartCredentials: passwords in parts of a multipart body do not reach Jira,
// whether sent with a session or with a token. Uploads arrive byte for byte.
func TestMultipartCredentials(t *testing.T) {
	deny := startGateway(t, options{site: "front site"})
	pass := startGateway(t, options{site: "front site\npasswords pass"})
	late := startGateway(t, options{site: "front site"})
	const headers = "Content-Type: multipart/form-data; boundary=xYzZy\r\n"
	part := func(disposition, content string) string {
		return "--xYzZy\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
	}
	const end = "--xYzZy--\r\n"
	file := part(`name="file"; filename="os_password.txt"`, strings.Repeat("os_password=x--\r\n", 30_000))
	password := part(`name="os_username"`, "alice") + part(`name="os_password"`, "hunter2")
	session, token, lateToken := "Cookie: JSESSIONID=abc\r\n", deny.issue("alice", "write").basic(), late.issue("alice", "write").basic()
	refusedPassword, ambiguous := refused(401, "password_refused"), refused(400, "ambiguous_request")
	attach, upload := "/secure/AttachFile.jspa", "/rest/api/2/issue/A-1/attachments"
	for name, c := range map[string]struct {
		g                     *gateway
		target, headers, body string
		want
	}{
		"session, file":                 {deny, attach, session, file + end, passes},
		"session, password":             {deny, attach, session, password + end, refusedPassword},
		"session, password on REST":     {deny, upload, session, password + file + end, refusedPassword},
		"no session, password":          {deny, "/login.jsp", "", password + end, refusedPassword},
		"session, file, password":       {late, attach, session, file + password + end, refusedPassword},
		"session, passwords pass":       {pass, attach, session, password + end, passes},
		"token, file":                   {deny, upload, token, file + end, passes},
		"token, password":               {deny, upload, token, password + file + end, ambiguous},
		"token, file, password":         {late, upload, lateToken, file + password + end, ambiguous},
		"session, boundary in the file": {deny, attach, session, part(`name="file"`, "a\r\n--xYzZ\r\nContent-Disposition: form-data; name=\"os_password\"") + end, passes},
	} {
		for framing, request := range map[string]string{
			"length":  c.g.request("POST", c.target, c.headers+headers, c.body),
			"chunked": c.g.request("POST", c.target, c.headers+headers+"Transfer-Encoding: chunked\r\n") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(c.body), c.body),
		} {
			t.Run(name+"/"+framing, func(t *testing.T) {
				a := c.g.send(request)
				if c.g == late { // the beginning may arrive at any time
					if a.status != c.status || a.reason() != c.reason || strings.Contains(c.g.up.bytes(), "hunter2") {
						t.Errorf("got %s, a password arrived: %v", a, strings.Contains(c.g.up.bytes(), "hunter2"))
					}
					return
				}
				if seen := c.g.check(t, a, c.want); c.want == passes && len(seen) == 1 && seen[0].body != c.body {
					t.Errorf("%d bytes arrived of %d", len(seen[0].body), len(c.body))
				}
			})
		}
	}
}
