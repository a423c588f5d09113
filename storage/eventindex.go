package storage

import (
	"fmt"
	"math"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The index has entries for events too. Each ends in the event's EventID.Key, after
//
//	"e" token's ID               events about a token
//	"e" document's name "/"      events about a document
//	"e@" owner NUL               events about an owner, case-folded, or about its tokens
//	"e#" project NUL             requests that concern a project
//	"e!"                         events that are not about requests
//	"e$" token's ID              events about a token that are not about requests
const (
	listEvents          = "e"
	listEventsOfOwner   = listEvents + "@"
	listEventsOfProject = listEvents + "#"
	listChanges         = listEvents + "!"
	listChangesOfToken  = listEvents + "$"
)

// EventListsVersion says which lists there are. A store keeps it next to its index, and
// adds all events to the index again if an earlier version wrote them to fewer lists.
const EventListsVersion = "2"

// EventLists returns the lists of the index that an event belongs in. The index entry
// of an event in a list is the list, followed by EventID.Key.
func EventLists(e Event) []string {
	var lists []string
	if about := e.About(); about != "" {
		lists = append(lists, eventsAbout(about))
	}
	if e.Owner != "" {
		lists = append(lists, eventsOfOwner(e.Owner))
	}
	if e.Request != nil && e.Request.Project != "" {
		lists = append(lists, eventsOfProject(e.Request.Project))
	}
	if !aboutRequest(e.Action) {
		lists = append(lists, listChanges)
		if e.TokenID != "" {
			lists = append(lists, listChangesOfToken+e.TokenID)
		}
	}
	return lists
}

// eventsAbout returns the list of the events about a token, given by its ID, or about
// a document, given by its name as DocumentName.String returns it.
func eventsAbout(about string) string {
	if strings.Contains(about, "/") {
		// Document names vary in length. A second slash, which no name contains,
		// ends them, so that group/a is not mistaken for group/a1.
		about += "/"
	}
	return listEvents + about
}

func eventsOfOwner(owner string) string     { return listEventsOfOwner + token.Fold(owner) + "\x00" }
func eventsOfProject(project string) string { return listEventsOfProject + project + "\x00" }

// EventScan describes how to find the events of a list: read those that sort after
// After and before Before, in order, and add them to the list's Pager.
type EventScan struct {
	// None means that there can be no such event.
	None bool
	// List is the list of the index in which to look, or empty to read the whole
	// trail.
	List string
	// After and Before need not exist.
	After, Before EventID
}

// Scan returns the scan that finds the events of the query's page, or ErrBadCursor.
func (q EventQuery) Scan() (EventScan, error) {
	s := EventScan{Before: EventID{Millis: maxMillis, Seq: math.MaxUint32}}
	if ms := q.Since.UnixMilli(); !q.Since.IsZero() && ms > 0 {
		s.After = EventID{Millis: min(ms, 1e13) - 1, Seq: math.MaxUint32}
	}
	if ms := q.Until.UnixMilli(); !q.Until.IsZero() && ms <= maxMillis {
		s.Before = EventID{Millis: max(ms, 0)}
	}
	if q.Cursor != "" {
		cursor, err := ParseEventID(q.Cursor)
		if err != nil {
			return EventScan{}, err
		}
		if s.After.Before(cursor) {
			s.After = cursor
		}
	}
	switch {
	case q.About() != "":
		_, isDocument := ParseDocumentName(q.About())
		s.List, s.None = eventsAbout(q.About()), !isDocument && !token.ValidID(q.About())
		if q.TokenID != "" && q.onlyChanges() {
			// Whoever holds a token can cause any number of events about requests.
			s.List = listChangesOfToken + q.TokenID
		}
	case q.Project != "":
		s.List = eventsOfProject(q.Project)
	case q.Owner != "":
		s.List = eventsOfOwner(q.Owner)
	case q.onlyChanges():
		s.List = listChanges
	}
	s.None = s.None || !s.After.Before(s.Before)
	return s, nil
}

// IsBackfilled reports whether versions before these lists existed wrote events
// without entries in the list: see EventLists.
func (s EventScan) IsBackfilled() bool {
	for _, later := range []string{listEventsOfOwner, listEventsOfProject, listChanges, listChangesOfToken} {
		if strings.HasPrefix(s.List, later) {
			return true
		}
	}
	return false
}

// Entries returns the range of the list's index entries: from start up to but not
// including end. Neither need exist.
func (s EventScan) Entries() (start, end string) {
	return s.List + s.After.Key() + "\x00", s.List + s.Before.Key()
}

// EventOfEntry returns the ID of the event that an index entry points to.
func EventOfEntry(entry string) (EventID, error) {
	if len(entry) < len(listEvents)+eventKeyLength {
		return EventID{}, fmt.Errorf("index entry %q is too short", entry)
	}
	return ParseEventID(entry[len(entry)-eventKeyLength:])
}
