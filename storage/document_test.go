package storage

import (
	"errors"
	"strings"
	"testing"
)

func TestDecodeDocument(t *testing.T) {
	name := DocumentName{Kind: "group", ID: "bi"}
	for _, data := range []string{`{"version":1,"data":{"members":[]}}`, `{"version":9007199254740992,"data":null}`} {
		if document, err := DecodeDocument(name, []byte(data)); err != nil || document.DocumentName != name {
			t.Errorf("%s: %+v, %v", data, document, err)
		}
	}
	for _, data := range []string{
		``, `1`, `{`, `{}`, `{"version":0,"data":1}`, `{"version":-1,"data":1}`, `{"version":1.5,"data":1}`, `{"version":1}`,
		`{"version":9007199254740993,"data":1}`, `{"version":1,"data":1,"more":2}`, `{"version":1,"data":1} 2`,
	} {
		_, err := DecodeDocument(name, []byte(data))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), `group "bi"`) {
			t.Errorf("%s: %v, want ErrDamaged", data, err)
		}
	}
}

func TestParseDocumentName(t *testing.T) {
	for _, name := range []DocumentName{{"group", "bi"}, {"owner", "a/b c%"}, {"x_1", "日本"}} {
		if got, ok := ParseDocumentName(name.String()); !ok || got != name {
			t.Errorf("%s is parsed as %v, %v", name, got, ok)
		}
	}
	for _, text := range []string{"", "4fT0aB9xYz", "group", "group/", "/bi", "group/a/b", "group/a%2fb", "group/%zz", "Group/bi", "group/a%00"} {
		if name, ok := ParseDocumentName(text); ok {
			t.Errorf("%q was accepted as %v", text, name)
		}
	}
}

// TestEventsOfSimilarNames checks that events about one document or token are not
// found under another whose name begins in the same way.
func TestEventsOfSimilarNames(t *testing.T) {
	at := EventID{Millis: 1795706778275, Seq: 3}
	names := []string{"group/a", "group/a1", "group/a17957067782", "groups/a", "4fT0aB9xYz", "4fT0aB9xY0"}
	for _, about := range names {
		scan, err := EventQuery{Document: about}.Scan()
		if err != nil || scan.None {
			t.Errorf("%s is rejected: %v", about, err)
		}
		start, end := scan.Entries()
		for _, other := range names {
			entry := eventsAbout(other) + at.Key()
			if inside := start <= entry && entry < end; inside != (about == other) {
				t.Errorf("the range of %s contains the entry of %s: %v", about, other, inside)
			}
			if id, err := EventOfEntry(entry); err != nil || id != at {
				t.Errorf("%q: %v, %v", entry, id, err)
			}
		}
	}
	if scan, err := (EventQuery{Document: "nonsense"}).Scan(); err != nil || !scan.None {
		t.Errorf("an invalid name is accepted: %+v, %v", scan, err)
	}
}
