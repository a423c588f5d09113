package jira

import (
	"slices"
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	paths, err := ParsePaths([]string{"/rest/*", "/secure/attachment/*", "/secure/projectavatar", "/a/*/c"})
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{
		"/rest/api/2/issue": true, "/rest/": true, "/rest": false, "/REST/api": false, "/restx": false, "/rest2/x": false,
		"/": false, "": false, "rest/x": false, "/secure/attachment/1/x": true, "/secure/attachment": false,
		"/secure/projectavatar": true, "/secure/projectavatar/": false, "/secure/projectavatar/x": false, "/secure/projectavatarx": false,
		"/a/b/c": true, "/a//c": false, "/a/b/c/": false, "/a/b/d": false, "/a/b/b/c": false, "/x/rest/api": false,
	} {
		if got := paths.Match(p); got != want {
			t.Errorf("Match(%q) = %v", p, got)
		}
	}
	if (Paths{}).Match("/rest/x") {
		t.Error("the zero value matches")
	}
}

func TestDefaultPaths(t *testing.T) {
	want := []string{"/rest/*", "/secure/attachment/*", "/secure/attachmentzip/*", "/secure/thumbnail/*", "/secure/projectavatar", "/secure/viewavatar", "/secure/useravatar", "/activity"}
	if got := DefaultPaths().Strings(); !slices.Equal(got, want) {
		t.Errorf("default paths %v", got)
	}
	parsed, err := ParsePaths(want)
	if err != nil || !slices.Equal(parsed.Strings(), want) {
		t.Errorf("parsed defaults %v, %v", parsed.Strings(), err)
	}
	for _, p := range []string{"/login.jsp", "/secure/issueAttachments/1/x", "/secure/admin/x", "/gateway/api/graphql", "/plugins/servlet/x", "/", "/rest"} {
		if DefaultPaths().Match(p) {
			t.Errorf("%s is reachable", p)
		}
	}
	if all, err := ParsePaths([]string{"/*"}); err != nil || !all.Match("/") || !all.Match("/x/y") || all.Strings()[0] != "/*" {
		t.Errorf("/* does not match all: %v", err)
	}
}

func TestParsePathsErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		"rest/*": "start with a slash", "": "start with a slash", "/rest*": "whole segment", "/rest/**": "whole segment",
		"/a/../b": "dots only", "/a//b": "empty segment", "/a%2e": "needs none", "/a?b": "percent-encoded",
	} {
		if _, err := ParsePaths([]string{"/ok", pattern}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePaths(%q): %v, want %q in it", pattern, err, want)
		}
	}
	if _, err := ParsePaths(nil); err == nil {
		t.Error("no patterns are accepted")
	}
}
