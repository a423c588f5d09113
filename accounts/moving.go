package accounts

import (
	"encoding/json"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// CheckStored returns the data of a stored account for another store, or an error if no
// account can have it. The credential stays encrypted. No gateway of another store
// refreshes it at the moment.
func CheckStored(data json.RawMessage) (json.RawMessage, error) {
	r, err := decodeRecord(data)
	if err != nil || r.Grant == nil || r.Grant.Node == "" {
		return data, err
	}
	r.Grant = r.Grant.with(func(g *grant) { g.Node = "" })
	return json.Marshal(r)
}

// Unreadable says why the account in a document cannot be used here, or "".
func (s *Set) Unreadable(id string, data json.RawMessage) string {
	return s.unreadable(storage.DocumentName{Kind: DocumentKind, ID: id}, data)
}

// UnreadableOwn does the same for an owner's own account.
func (s *Set) UnreadableOwn(id string, data json.RawMessage) string {
	return s.unreadable(storage.DocumentName{Kind: OwnDocumentKind, ID: id}, data)
}

func (s *Set) unreadable(name storage.DocumentName, data json.RawMessage) string {
	opened := s.open(storage.MirroredDocument{Document: storage.Document{DocumentName: name, Data: data}}, nil)
	switch {
	case opened.err != nil:
		return opened.err.Error()
	case s.hides(opened.ref):
		return "the configuration has an account with the name of the imported " + opened.ref.String() + ", and takes precedence"
	}
	return ""
}
