package token

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestEditOfConfinement: a part that is missing stays, an empty one is taken away.
func TestEditOfConfinement(t *testing.T) {
	before := Confinement{
		Projects: []Project{{ID: "10000", Key: "ACME"}, {ID: "10001", Key: "OPS"}},
		JQL:      "labels = partner", Hide: []string{"Margin"},
	}
	for edit, want := range map[string]Confinement{
		`{}`:                                 before,
		`{"jql":null}`:                       before,
		`{"jql":""}`:                         {Projects: before.Projects, Hide: before.Hide},
		`{"jql":"a = b"}`:                    {Projects: before.Projects, JQL: "a = b", Hide: before.Hide},
		`{"projects":[]}`:                    {JQL: before.JQL, Hide: before.Hide},
		`{"projects":["ops","New","OPS"]}`:   {Projects: []Project{{ID: "10001", Key: "OPS"}, {Key: "NEW"}}, JQL: before.JQL, Hide: before.Hide},
		`{"hide":["a","A","b"]}`:             {Projects: before.Projects, JQL: before.JQL, Hide: []string{"a", "b"}},
		`{"projects":[],"jql":"","hide":[]}`: {},
	} {
		record := &Record{Version: 1, Confine: before}
		if err := (Edit{"confine": json.RawMessage(edit)}).Apply(record, editNow); err != nil {
			t.Errorf("%s: %v", edit, err)
		}
		if !reflect.DeepEqual(record.Confine, want) {
			t.Errorf("%s: %+v, want %+v", edit, record.Confine, want)
		}
	}
	if before.Projects[0] != (Project{ID: "10000", Key: "ACME"}) || before.Hide[0] != "Margin" {
		t.Errorf("an edit has changed the record that it was made from: %+v", before)
	}
}

// TestAnotherAccountForgetsProjectIDs: the account may be one of another Jira, in
// which the same ID is another project.
func TestAnotherAccountForgetsProjectIDs(t *testing.T) {
	projects := []Project{{ID: "10000", Key: "ACME"}}
	record := &Record{Version: 1, Account: "a", Confine: Confinement{Projects: projects}}
	if err := (Edit{"account": json.RawMessage(`"a"`)}).Apply(record, editNow); err != nil || record.Confine.Projects[0].ID != "10000" {
		t.Errorf("%+v, %v", record.Confine, err)
	}
	if err := (Edit{"account": json.RawMessage(`"b"`)}).Apply(record, editNow); err != nil || record.Confine.Projects[0] != (Project{Key: "ACME"}) {
		t.Errorf("%+v, %v", record.Confine, err)
	}
	if projects[0].ID == "" {
		t.Error("an edit has changed the record that it was made from")
	}
}

func TestConfinementText(t *testing.T) {
	for want, c := range map[string]Confinement{
		"everything; hidden: Margin":                        {Hide: []string{"Margin"}},
		"everything that its account sees":                  {},
		"project ACME":                                      {Projects: []Project{{Key: "ACME"}}},
		"2 projects (ACME, OPS); hidden: internal-comments": {Projects: []Project{{Key: "ACME"}, {Key: "OPS"}}, Hide: []string{HideInternalComments}},
		"issues that match project = SUP AND labels = x":    {JQL: "project = SUP\n\tAND labels = x"},
	} {
		if got := c.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestConfinementCheckNamesThePart(t *testing.T) {
	many := make([]string, 101)
	projects := make([]Project, 101)
	for i := range many {
		many[i], projects[i] = strings.Repeat("x", i+1), Project{Key: "A"}
	}
	for want, c := range map[string]Confinement{
		"projects: 101":  {Projects: projects},
		"projects: \"\"": {Projects: []Project{{}}},
		"jql: 4097":      {JQL: strings.Repeat("x", 4097)},
		"jql: must":      {JQL: "a\xff"},
		"hide: 101":      {Hide: many},
		"hide: invalid":  {Hide: []string{strings.Repeat("x", 256)}},
	} {
		if err := c.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s…", err, want)
		}
	}
}
