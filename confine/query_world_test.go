package confine

import (
	"fmt"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// queried is a Jira with the things that queries name.
func queried(t testing.TB, cloud bool) *standIn {
	j := newStandIn(t, cloud)
	type list = []map[string]any
	j.things["/rest/api/2/project/10000/versions"] = list{{"id": "1", "name": "1.0"}, {"id": "2", "name": "Beta"}, {"id": "3", "name": "2024"}}
	j.things["/rest/api/2/project/10001/versions"] = list{{"id": "11", "name": "DEF 1"}, {"id": "12", "name": "1.0"}}
	j.things["/rest/api/2/project/20000/versions"] = list{{"id": "2024", "name": "Secret 2.0"}}
	j.things["/rest/api/2/project/10000/components"] = list{{"id": "5", "name": "Engine"}}
	j.things["/rest/api/2/project/10001/components"] = list{}
	j.things["/rest/api/2/project/20000/components"] = list{{"id": "6", "name": "Secret"}}
	statuses := list{{"id": "1", "name": "Open"}, {"id": "6", "name": "Closed"}}
	j.things["/rest/api/2/project/10000/statuses"] = list{{"id": "10", "name": "Bug", "statuses": statuses}, {"id": "11", "name": "Task", "statuses": statuses}}
	j.things["/rest/api/2/project/10001/statuses"] = list{{"id": "12", "name": "Story", "statuses": list{{"id": "7", "name": "Review"}}}}
	j.things["/rest/api/2/project/20000/statuses"] = list{{"id": "13", "name": "Deal", "statuses": list{{"id": "8", "name": "Due diligence"}}}}
	for id, board := range map[string]int{"31": 1, "32": 2, "33": 3, "34": 4, "35": 9} {
		j.things["/rest/agile/1.0/sprint/"+id] = map[string]any{"id": id, "originBoardId": board, "name": "Sprint " + id}
	}
	j.things["/rest/agile/1.0/board/1"] = map[string]any{"id": 1, "location": map[string]any{"projectId": 10000}}
	j.things["/rest/agile/1.0/board/2/project"] = map[string]any{"isLast": true, "values": list{{"id": "20000"}}}
	j.things["/rest/agile/1.0/board/3"] = map[string]any{"id": 3}
	j.things["/rest/agile/1.0/board/4"] = map[string]any{"id": 4}
	j.things["/rest/agile/1.0/board/3/project"] = map[string]any{"isLast": true, "values": list{{"id": "10000"}, {"id": "10001"}}}
	j.things["/rest/agile/1.0/board/4/project"] = map[string]any{"isLast": true, "values": list{{"id": "10000"}, {"id": "20000"}}}
	j.things["/rest/agile/1.0/board/2"] = map[string]any{"id": 2, "location": map[string]any{"projectId": 20000}}
	if !cloud {
		j.things["/rest/agile/1.0/board/2"] = map[string]any{"id": 2}
	}
	people := list{{"accountId": "5b10a2844c20165700ede21g", "displayName": "Ada Byron", "emailAddress": "ada@example.com"}}
	if !cloud {
		people = list{{"name": "ada", "key": "JIRAUSER10100", "displayName": "Ada Byron", "emailAddress": "ada@example.com"}}
	}
	j.things["/rest/api/2/user/assignable/search"] = people
	j.things["/rest/api/2/issue/createmeta/10000/issuetypes/11"] = map[string]any{"total": 2, map[bool]string{true: "fields", false: "values"}[cloud]: list{
		{"fieldId": "project", "allowedValues": list{{"id": 10000}}},
		{"fieldId": "customfield_13", "allowedValues": list{{"id": "41", "value": "Red"}, {"id": "42", "value": "Blue"}}},
	}}
	j.things["/rest/api/2/issue/createmeta/20000/issuetypes/13"] = map[string]any{"total": 1, "fields": list{
		{"fieldId": "customfield_13", "allowedValues": list{{"id": "43", "value": "Secret"}}},
	}}
	const plain = "com.atlassian.jira.plugin.system.customfieldtypes:"
	custom := func(number int, name, kind string) map[string]any {
		return map[string]any{
			"id": fmt.Sprintf("customfield_%d", number), "name": name, "custom": true, "clauseNames": []string{fmt.Sprintf("cf[%d]", number), name, name + "[Type]"},
			"schema": map[string]any{"custom": kind, "customId": number},
		}
	}
	ours, theirs := custom(17, "Mood", plain+"textfield"), custom(18, "Mood", plain+"textfield")
	ours["scope"] = map[string]any{"type": "PROJECT", "project": map[string]any{"id": "10001"}}
	theirs["scope"] = map[string]any{"type": "PROJECT", "project": map[string]any{"id": "20000"}}
	lost := custom(19, "Deal size", plain+"float")
	lost["scope"] = theirs["scope"]
	j.things["/rest/api/2/field"] = list{
		{"id": "summary", "name": "Summary", "clauseNames": []string{"summary"}},
		{"id": "duedate", "name": "Due date", "clauseNames": []string{"due", "duedate"}},
		{"id": "comment", "name": "Comment", "clauseNames": []string{"comment"}},
		custom(10, "Points", plain+"float"), custom(11, "Notes", plain+"textarea"), custom(12, "Start", plain+"datepicker"),
		custom(13, "Team", plain+"select"), custom(14, "Tester", plain+"userpicker"), custom(15, "Seen in", plain+"multiversion"),
		custom(16, "Time to resolution", "com.atlassian.servicedesk:sd-sla-field"), ours, theirs, lost,
		custom(20, "Magic", "com.example.app:magic"), custom(21, "Twin", plain+"float"), custom(22, "Twin", plain+"textfield"),
		custom(23, "Tags", plain+"labels"), custom(24, "Sprint", "com.pyxis.greenhopper.jira:gh-sprint"), custom(25, "Site", plain+"project"),
		custom(27, "Group", plain+"grouppicker"), custom(26, "Epic Link", "com.pyxis.greenhopper.jira:gh-epic-link"),
	}
	return j
}

// inView returns a session of a token for ABC and DEF.
func inView(t testing.TB, j Jira, hide ...string) *session {
	t.Helper()
	view, err := NewView(token.Confinement{Projects: []token.Project{{ID: "10000", Key: "ABC"}, {ID: "10001", Key: "DEF"}}, Hide: hide})
	if err != nil {
		t.Fatal(err)
	}
	g, _ := guardAt()
	return g.session(view, j, false)
}

const inABCAndDEF = "project IN (10000, 10001)"
