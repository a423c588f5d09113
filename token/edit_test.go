package token

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"testing"
	"time"
)

var editNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// everyField sets every field of the table. Add new fields here.
var everyField = map[string]any{
	"owner": "alice", "kind": "external", "name": "BI", "purpose": "reports", "responsible": "bob", "exempt": "migration", "scope": "write", "account": "reporting",
	"allow_ip": []string{"10.0.0.0/8"}, "deny_ip": []string{"10.0.0.1/32"},
	"not_before": "2026-12-01T00:00:00Z", "expires_at": "2027-01-31T00:00:00Z",
	"limit": "600/m burst 50", "limit_writes": "20/d", "hold_writes": true, "max_concurrent": 5,
	"confine": map[string]any{"projects": []string{"ACME", "OPS"}, "jql": "labels = partner", "hide": []string{"internal-comments", "Margin"}},
}

func newEdit(t *testing.T, values map[string]any) Edit {
	t.Helper()
	edit, err := NewEdit(values)
	if err != nil {
		t.Fatal(err)
	}
	return edit
}

// TestFieldsAreReadAsTheyAreWritten checks that programs can send back the
// values that they read.
func TestFieldsAreReadAsTheyAreWritten(t *testing.T) {
	record := new(Record)
	edit := newEdit(t, everyField)
	if err := edit.Apply(record, editNow); err != nil {
		t.Fatal(err)
	}
	again := new(Record)
	for _, field := range Fields() {
		got, err := json.Marshal(field.Value(record))
		if err != nil || !sameJSON(t, got, edit[field.Name]) {
			t.Errorf("%s reads %s, %v, but was set to %s", field.Name, got, err, edit[field.Name])
		}
		if err := field.Set(again, got, editNow); err != nil {
			t.Errorf("%s: %v", field.Name, err)
		}
		if (field.Flag == "" || field.Help == "") && field.Name != "kind" || field.Label == "" && field.Name != "deny_ip" && field.Name != "max_concurrent" {
			t.Errorf("%s has no flag, help or label", field.Name)
		}
	}
	if !reflect.DeepEqual(record, again) {
		t.Errorf("%+v became %+v when sent back", record, again)
	}
}

// sameJSON reports whether two texts are the same JSON, whatever the order of
// members.
func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Error(err)
	}
	return reflect.DeepEqual(x, y)
}

func TestEditLeavesOtherFieldsAlone(t *testing.T) {
	record := new(Record)
	if err := newEdit(t, everyField).Apply(record, editNow); err != nil {
		t.Fatal(err)
	}
	record.Version = 1
	before := *record
	for _, edit := range []Edit{nil, {"name": json.RawMessage("null")}, {"confine": json.RawMessage("null")}, {"confine": json.RawMessage("{}")}, {"version": json.RawMessage("1")}} {
		if err := edit.Apply(record, editNow); err != nil || !reflect.DeepEqual(*record, before) {
			t.Errorf("%s: %+v, %v", edit, record, err)
		}
	}
	// A year later it has expired, and can still be renamed.
	if err := newEdit(t, map[string]any{"name": "old"}).Apply(record, editNow.AddDate(1, 0, 0)); err != nil || record.Name != "old" {
		t.Errorf("renaming an expired token: %q, %v", record.Name, err)
	}
}

func TestEditRefuses(t *testing.T) {
	for _, test := range []struct {
		edit    string
		version uint64 // of the record; 0 for a new one
		field   string
	}{
		{`{}`, 0, "owner"},
		{`{"owner":"alice"}`, 0, "name"},
		{`{"owner":null,"name":"x"}`, 0, "owner"},
		{`{"owner":1,"name":"x"}`, 0, "owner"},
		{`{"owner":"bob"}`, 1, "owner"},
		{`{"name":""}`, 1, "name"},
		{`{"nam":"x"}`, 1, "body"},
		{`{"Name":"x"}`, 1, "body"},
		{`{"digest":"x"}`, 1, "body"},
		{`{"owner":"a","name":"x","version":1}`, 0, "version"},
		{`{"scope":""}`, 1, "scope"},
		{`{"allow_ip":"10.0.0.0/8"}`, 1, "allow_ip"},
		{`{"deny_ip":["10.0.0.1/8"]}`, 1, "deny_ip"},
		{`{"max_concurrent":-1}`, 1, "max_concurrent"},
		{`{"max_concurrent":1.5}`, 1, "max_concurrent"},
		{`{"max_concurrent":10001}`, 1, "max_concurrent"},
		{`{"max_concurrent":"none"}`, 1, "max_concurrent"},
		{`{"max_concurrent":true}`, 1, "max_concurrent"},
		{`{"limit":"0"}`, 1, "limit"},
		{`{"expires_at":"off"}`, 1, "expires_at"},
		{`{"expires_at":""}`, 1, "expires_at"},
		{`{"limit":"many"}`, 1, "limit"},
		{`{"limit_writes":"0"}`, 1, "limit_writes"},
		{`{"hold_writes":"yes"}`, 1, "hold_writes"},
		{`{"limit_writes":20}`, 1, "limit_writes"},
		{`{"expires_at":"2026-11-21T12:00:00Z"}`, 1, "expires_at"},
		{`{"expires_at":"2300-01-01"}`, 1, "expires_at"},
		{`{"not_before":"2300-01-01"}`, 1, "not_before"},
		{`{"not_before":"2d","expires_at":"1d"}`, 1, "not_before"},
		{`{"confine":[]}`, 1, "confine"},
		{`{"confine":"ACME"}`, 1, "confine"},
		{`{"confine":{"project":["ACME"]}}`, 1, "confine"},
		{`{"confine":{"Projects":["ACME"]}}`, 1, "confine"},
		{`{"confine":{"projects":"ACME"}}`, 1, "confine"},
		{`{"confine":{"projects":[{"id":"1","key":"ACME"}]}}`, 1, "confine"},
		{`{"confine":{"projects":["ACME",""]}}`, 1, "confine"},
		{`{"confine":{"projects":["ACME-1"]}}`, 1, "confine"},
		{`{"confine":{"projects":["10000"]}}`, 1, "confine"},
		{`{"confine":{"jql":["a = b"]}}`, 1, "confine"},
		{`{"confine":{"jql":"a = \u001b"}}`, 1, "confine"},
		{`{"confine":{"hide":["a",""]}}`, 1, "confine"},
		{`{"confine":{"hide":[" a"]}}`, 1, "confine"},
		{`{"confine":{"hide":["a\u202e"]}}`, 1, "confine"},
		{`{"owner":"a","name":"x","confine":{"projects":[]}}`, 0, "confine"},
		{`{"owner":"a","name":"x","confine":{"projects":["ACME"],"jql":""}}`, 0, "confine"},
	} {
		var edit Edit
		if err := json.Unmarshal([]byte(test.edit), &edit); err != nil {
			t.Fatal(err)
		}
		var invalid InvalidError
		err := edit.Apply(&Record{Version: test.version}, editNow)
		if !errors.As(err, &invalid) || invalid.Field != test.field {
			t.Errorf("%s applied to version %d: error %v about %q, want one about %q", test.edit, test.version, err, invalid.Field, test.field)
		}
	}
	for _, version := range []string{"0", "-1", `"1"`, "1.5"} {
		if got, err := (Edit{"version": json.RawMessage(version)}).Version(); err == nil {
			t.Errorf("version %s was accepted as %d", version, got)
		}
	}
}

// TestFaults: all that is wrong is found at once, each mistake once.
func TestFaults(t *testing.T) {
	edit, err := NewEdit(map[string]any{
		"name": "", "owner": "alice", "limit": "60", "deny_ip": []string{"x"}, "expires_at": "2020-01-01", "not_before": "1h", "purpose": "fine",
	})
	if err != nil {
		t.Fatal(err)
	}
	record := &Record{}
	got := make(map[string]bool)
	for _, fault := range edit.Faults(record, editNow) {
		got[fault.Err.Field] = fault.Unclear
	}
	if want := map[string]bool{"name": false, "limit": true, "deny_ip": true, "expires_at": false}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if record.Purpose != "fine" || record.Owner != "alice" {
		t.Errorf("what is right was left out: %+v", record)
	}
}
