package jira

import (
	"strings"
	"testing"
)

func TestWith(t *testing.T) {
	reads := func(lines ...string) []Operation {
		var operations []Operation
		for _, line := range lines {
			method, path, _ := strings.Cut(line, " ")
			op, err := ParseOperation(method, path)
			if err != nil {
				t.Fatal(err)
			}
			operations = append(operations, op)
		}
		return operations
	}
	base := defaultOperations(t)
	o, err := base.With(reads(
		"POST /rest/tempo-timesheets/4/worklogs/search",
		"POST /rest/reports/*/run",
		"POST /rest/charts/1.0/**",
		"POST /rest/export/1.0/**",
		"POST /rest/app/1/report.json",
		"POST /rest/api/2/undocumented/find",
		"POST /rest/scriptrunner/latest/custom/report",
		"PUT /rest/scriptrunner/{v}/custom/**",
		"GET /rest/app/1/sessions/open",
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"POST /rest/tempo-timesheets/4/worklogs/search read",
		"POST /rest/tempo-timesheets/4/worklogs/search/ read",
		"POST /rest/tempo-timesheets/4/worklogs write",
		"POST /rest/tempo-timesheets/4/worklogs/search/x write",
		"POST /rest/tempo-timesheets/4/worklogs/search.json write",
		"POST /rest/Tempo-Timesheets/4/worklogs/search write",
		"PUT /rest/tempo-timesheets/4/worklogs/search write",
		"POST /rest/reports/2/run read",
		"POST /rest/reports/2/3/run write",
		"POST /rest/charts/1.0 read",
		"POST /rest/charts/1.0/a/b/c read",
		"POST /rest/charts/1.0/a/b/c.jspa never",
		"POST /rest/charts/2.0/a write",
		"POST /rest/export/1.0/a/b read",
		"POST /rest/app/1/report.json read",
		"POST /rest/app/1/report write",
		"POST /rest/api/3/undocumented/find read",
		"POST /rest/api/3/undocumented/find.json admin",
		"POST /rest/api/3/undocumented/other admin",
		"POST /rest/scriptrunner/latest/custom/report read",
		"POST /rest/scriptrunner/latest/custom/other write",
		"PUT /rest/scriptrunner/latest/custom/other read",
		"POST /rest/scriptrunner/latest/exec never",
		"GET /rest/app/1/sessions/open read",
		"GET /rest/app/1/sessions/closed never",
		"POST /rest/charts/1.0/a/tokens never",
		"POST /rest/api/2/issue write",
	} {
		f := strings.Fields(line)
		if got, match := o.Access(f[0], f[1]); got.String() != f[2] {
			t.Errorf("%s %s is %v by %v, want %s", f[0], f[1], got, match, f[2])
		}
	}
	if got, _ := base.Access("POST", "/rest/reports/2/run"); got != AccessWrite {
		t.Error("With changed the table it was called on")
	}
	for line, named := range map[string]string{
		"POST /rest/auth/1/session":                  "/rest/auth/",
		"POST /rest/auth/latest/other":               "/rest/auth/**",
		"GET /rest/pat/latest/tokens":                "/rest/pat/**",
		"POST /rest/*/latest/tokens":                 "never",
		"POST /**":                                   "is",
		"POST /rest/*":                               "is",
		"POST /rest/api/2/**":                        "is",
		"POST /rest/api/*/{what}":                    "is",
		"GET /rest/api/2/reindex":                    "/rest/api/2/reindex",
		"GET /rest/api/latest/Reindex":               "/rest/api/2/reindex",
		"GET /rest/api/latest/reindex.json":          "/rest/api/2/reindex",
		"POST /rest/api/2/issue":                     "/issue",
		"POST /rest/api/2/issue/ABC-1/notify":        "notify",
		"POST /rest/scriptrunner/latest/exec":        "/rest/scriptrunner/**",
		"POST /rest/scriptrunner/latest/**":          "/rest/scriptrunner/**",
		"GET /rest/scriptrunner/{v}/{x}":             "/rest/scriptrunner/**",
		"POST /rest/x/Action.jspa":                   "page",
		"POST /gateway/api/graphql":                  "/gateway/api/**",
		"POST /rest/api/3/user/session/fred/session": "",
		"PUT /rest/api/2/user/password":              "/rest/api/2/user/password",
	} {
		_, err := base.With(reads(line))
		if named == "" {
			if err != nil {
				t.Errorf("reads %s: %v", line, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), named) || !strings.Contains(err.Error(), strings.Fields(line)[1]) {
			t.Errorf("reads %s: error %v does not name %q", line, err, named)
		}
	}
}

func TestParseOperationErrors(t *testing.T) {
	for _, c := range [][3]string{
		{"post", "/rest/x", "must be GET, POST"},
		{"HEAD", "/rest/x", "HEAD goes with GET"},
		{"OPTIONS", "/rest/x", "must be"},
		{"*", "/rest/x", "must be"},
		{"POST", "rest/x", "start with a slash"},
		{"POST", "", "start with a slash"},
		{"POST", "/rest/x/", "trailing slash"},
		{"POST", "/rest/**/x", "last segment"},
		{"POST", "/rest/x*", "whole segments"},
		{"POST", "/rest/{x", "whole segments"},
		{"POST", "/rest/{}", "whole segments"},
		{"POST", "/rest/../x", "dots only"},
		{"POST", "/rest//x", "empty segment"},
		{"POST", "/rest/x?y=1", "percent-encoded"},
		{"POST", strings.Repeat("/x", 40), "more than"},
		{"POST", "/rest/x/" + strings.Repeat("x", 64), "use *"},
		{"POST", "/rest/x/%C3%BC", "use *"},
	} {
		if _, err := ParseOperation(c[0], c[1]); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("ParseOperation(%q, %q): error %v, want it to contain %q", c[0], c[1], err, c[2])
		}
	}
}

func TestMatchExplains(t *testing.T) {
	o := defaultOperations(t)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/rest/api/latest/issue/ABC-1", "GET /rest/api/2/issue/{issueIdOrKey} (cloud-v2)"},
		{"POST", "/rest/pat/latest/tokens", "* /rest/pat/** (dc-pat): issues"},
		{"POST", "/rest/tempo/1/x", "by method"},
		{"POST", "/rest/api/2/zzz", "undocumented: "},
		{"TRACE", "/", "method: "},
	} {
		if _, match := o.Access(c.method, c.path); !strings.HasPrefix(match.String(), c.want) {
			t.Errorf("%s %s: decided by %q, want %q…", c.method, c.path, match, c.want)
		}
	}
}
