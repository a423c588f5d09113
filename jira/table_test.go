package jira

import (
	"bytes"
	"strings"
	"testing"
)

func TestAdditionsHaveReasons(t *testing.T) {
	operations, err := parseTable(bytes.NewReader(additionsCSV), "additions.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range operations {
		if op.Reason == "" {
			t.Errorf("%s has no reason", op)
		}
	}
}

func TestParseTableErrors(t *testing.T) {
	const head = "product,method,path,access,addressing,locator\n"
	for table, want := range map[string]string{
		"":                               "t.csv: EOF",
		head + "dc,GET,/x,read,a,b":      "t.csv:2: addressing \"a\"",
		head + "dc,GET,/x,read\n":        "t.csv: ",
		head + "dc,GET,/x,root,a,b":      "t.csv:2: access \"root\"",
		head + "dc,FLY,/x,read,other,b":  "t.csv:2: method",
		head + "dc,GET,x/y,read,other,b": "t.csv:2: path",
		"a,b,c\nd,e,f\n":                 "t.csv:2: 3 columns",
	} {
		if _, err := parseTable(strings.NewReader(table), "t.csv"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseTable(%q): %v, want it to contain %q", table, err, want)
		}
	}
}

// TestTableAssumptions checks the assumptions that the code makes about the data.
func TestTableAssumptions(t *testing.T) {
	o := defaultOperations(t)
	for _, api := range []string{"api", "agile", "auth", "atlassian-connect", "forge", "software", "builds"} {
		if !o.versioned[api] {
			t.Errorf("/rest/%s is not versioned", api)
		}
	}
	for _, api := range []string{"servicedeskapi", "internal"} {
		if o.versioned[api] {
			t.Errorf("/rest/%s is versioned", api)
		}
	}
	for _, r := range o.list {
		for _, s := range r.segments {
			if len(s) >= longestLiteral {
				t.Errorf("%s: literal of %d bytes", r.Path, len(s))
			}
		}
		if len(r.segments) > maxTemplateSegments {
			t.Errorf("%s: too many segments", r.Path)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	o := defaultOperations(b)
	op, _ := ParseOperation("POST", "/rest/tempo-timesheets/4/worklogs/search")
	for b.Loop() {
		if _, err := o.With([]Operation{op}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestCorrectionErrors(t *testing.T) {
	const head = "method,path,access,reason,source\n"
	for table, want := range map[string]string{
		head + "PUT,/rest/api/2/x,never,why\n":                                                      "wrong number of fields",
		head + "PUT,/rest/api/2/x,never,,doc\n":                                                     "t.csv:2: expected",
		head + "PUT,/rest/api/2/x,root,why,doc\n":                                                   "t.csv:2: access",
		head + "GET,/rest/api/2/nothing,never,why,doc\n":                                            "does not change any operation",
		head + "PUT,/rest/api/2/issue/{x},write,why,doc\n":                                          "does not change any operation",
		head + "PUT,/rest/api/2/issue/{x},admin,why,doc\nPUT,/rest/api/3/issue/{y},admin,why,doc\n": "is already in line 2",
	} {
		corrections, err := parseCorrections(strings.NewReader(table), "t.csv")
		if err == nil {
			err = correct([]Operation{{Method: "PUT", Path: "/rest/api/3/issue/{issueIdOrKey}", Access: AccessWrite}}, corrections)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to contain %q", table, err, want)
		}
	}
}

// TestBundledRoots: APIs that ship with Jira are administration even if none of
// Atlassian's lists has them.
func TestBundledRoots(t *testing.T) {
	o := defaultOperations(t)
	for root, want := range map[string][2]string{
		"url-allowlist": {"read-all", "admin"}, "cors": {"read-all", "admin"}, "ratelimiting": {"read-all", "admin"}, "healthCheck": {"read-all", "admin"},
		"collectors": {"read-all", "admin"}, "feedback-collector": {"read-all", "admin"}, "atlassian-cluster-monitoring": {"read-all", "admin"},
		"jira-webhook": {"admin", "admin"}, "jira-webhooks": {"admin", "admin"}, "webhooks": {"admin", "admin"}, "remote-event-consumer": {"admin", "admin"}, "hipchat": {"admin", "admin"},
		"wrm": {"read", "admin"}, "speakeasy": {"never", "never"}, "refapp": {"never", "never"}, "func-test": {"never", "never"},
	} {
		for i, method := range []string{"GET", "POST"} {
			if got, match := o.Access(method, "/rest/"+root+"/1.0/x"); got.String() != want[i] {
				t.Errorf("%s /rest/%s/1.0/x is %v by %v, want %s", method, root, got, match, want[i])
			}
		}
	}
}
