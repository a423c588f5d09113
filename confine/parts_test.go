package confine

import (
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestCommentsAndWorklogsOfAnotherIssue(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, confinement := range []token.Confinement{onlyABC, acme} {
			a := newAsker(t, cloud, confinement)
			for id, issue := range map[string]string{"5": "10011", "6": "10012"} {
				// Jira finds them by ID alone.
				a.jira.things["/rest/api/2/issue/ABC-1/comment/"+id] = map[string]any{"id": id, "self": "https://jira.example/rest/api/2/issue/" + issue + "/comment/" + id}
				a.jira.things["/rest/api/2/issue/ABC-1/worklog/"+id] = map[string]any{"id": id, "issueId": issue}
				for _, kind := range []string{"comment", "approval"} {
					a.jira.things["/rest/servicedeskapi/request/ABC-1/"+kind+"/"+id] = map[string]any{
						"id": id, "_links": map[string]any{"self": "https://jira.example/rest/servicedeskapi/request/" + issue + "/" + kind + "/" + id},
					}
				}
			}
			for _, request := range []string{
				"GET /rest/api/2/issue/ABC-1/comment/5", "PUT /rest/api/2/issue/ABC-1/comment/5", "DELETE /rest/api/2/issue/ABC-1/comment/5",
				"GET /rest/api/2/issue/ABC-1/worklog/5", "DELETE /rest/api/2/issue/ABC-1/worklog/5", "GET /rest/api/3/issue/ABC-1/worklog/5/properties",
				"PUT /rest/api/3/issue/ABC-1/worklog/5/properties/x", "PUT /rest/api/2/issue/ABC-1/comment/5/pin",
				"GET /rest/servicedeskapi/request/ABC-1/comment/5", "GET /rest/servicedeskapi/request/ABC-1/comment/5/attachment",
				"GET /rest/servicedeskapi/request/ABC-1/approval/5", "POST /rest/servicedeskapi/request/ABC-1/approval/5",
			} {
				a.admitted(request, "")
				for _, other := range []string{"/6", "/7", "/x", "/5%2C6", "/%2e"} {
					a.refused(Outside, strings.Replace(request, "/5", other, 1), "")
				}
			}
			a.admitted("GET /rest/api/2/issue/ABC-1/comment", "")
		}
	})
}

func TestHiddenInternalCommentsAreNotChanged(t *testing.T) {
	a := newAsker(t, true, token.Confinement{Hide: []string{token.HideInternalComments}})
	comment := func(id string, more map[string]any) {
		more["id"] = id
		a.jira.things["/rest/api/2/issue/ABC-1/comment/"+id] = more
	}
	property := func(value any) map[string]any {
		return map[string]any{"properties": []any{map[string]any{"key": "sd.public.comment", "value": value}}}
	}
	comment("1", map[string]any{"jsdPublic": true})
	comment("2", property(map[string]any{"internal": false}))
	comment("3", map[string]any{"jsdPublic": false})
	comment("4", property(map[string]any{"internal": true}))
	comment("5", property(map[string]any{"internal": "true"}))
	a.jira.things["/rest/servicedeskapi/request/ABC-1/comment/1"] = map[string]any{"id": "1", "public": true}
	a.jira.things["/rest/servicedeskapi/request/ABC-1/comment/3"] = map[string]any{"id": "3", "public": false}
	for _, id := range []string{"1", "2"} {
		a.admitted("DELETE /rest/api/2/issue/ABC-1/comment/"+id, "")
	}
	for _, id := range []string{"3", "4", "5", "6"} {
		a.refused(Outside, "GET /rest/api/2/issue/ABC-1/comment/"+id, "")
		a.refused(Outside, "PUT /rest/api/2/issue/ABC-1/comment/"+id, "")
		a.refused(Outside, "DELETE /rest/api/2/issue/ABC-1/comment/"+id, "")
	}
	a.admitted("GET /rest/servicedeskapi/request/ABC-1/comment/1/attachment", "")
	a.refused(Outside, "GET /rest/servicedeskapi/request/ABC-1/comment/3/attachment", "")
}
