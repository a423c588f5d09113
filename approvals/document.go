package approvals

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Kind is the kind of the documents.
const Kind = "approval"

// The states of a held request.
const (
	StatePending  = handler.ApprovalPending
	StateApproved = handler.ApprovalApproved
	StateRejected = handler.ApprovalRejected
	StateUsed     = handler.ApprovalUsed
	StateExpired  = handler.ApprovalExpired
)

// Lengths of the parts of an ID. It is the token's Record.BudgetID, a dash, a part of the
// request's digest, which names the document, and a random part, so that the ID of a
// request that is sent again after it was used is another one.
const (
	slotLength  = 11
	roundLength = 5
)

var validID = regexp.MustCompile(`^[0-9A-Za-z]{10}-[0-9A-Za-z]{16}$`)

// ValidID reports whether text has the form of the ID of a held request.
func ValidID(text string) bool { return validID.MatchString(text) }

// document is what the store keeps of a held request.
type document struct {
	ID        string `json:"id"`
	TokenID   string `json:"token_id"`
	TokenName string `json:"token_name"`
	Owner     string `json:"owner"`
	// Stamp identifies what matters about the token. If that changes, the approval is
	// void.
	Stamp string `json:"stamp"`
	// Fingerprint identifies the request.
	Fingerprint string                `json:"fingerprint"`
	State       handler.ApprovalState `json:"state"`
	Request     Request               `json:"request"`
	// Body is nil if the body is not kept, or no longer.
	Body *body `json:"body,omitempty"`

	RequestedAt time.Time `json:"requested_at"`
	// ExpiresAt is when the state ends.
	ExpiresAt time.Time      `json:"expires_at"`
	DecidedAt time.Time      `json:"decided_at,omitzero"`
	DecidedBy *storage.Actor `json:"decided_by,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	UsedAt    time.Time      `json:"used_at,omitzero"`
}

// Request describes a held request.
type Request struct {
	Method string `json:"method"`
	// URI is the path and query.
	URI         string `json:"uri"`
	ContentType string `json:"content_type,omitempty"`
	// Digest is the SHA-256 of the body, Size its length in bytes.
	Digest string `json:"digest"`
	Size   int    `json:"size"`
	// Parts describes the parts of a multipart body.
	Parts []string `json:"parts,omitempty"`
	// Jira is the URL of the Jira that it is for.
	Jira string `json:"jira"`
}

// stored is a document as it was read. The zero value does not exist.
type stored struct {
	document
	name    storage.DocumentName
	version uint64
	damaged bool
}

func (s stored) exists() bool { return s.version > 0 && !s.damaged }

// stateAt returns the state at a time: what was not decided or used in time has
// expired.
func (d *document) stateAt(now time.Time) handler.ApprovalState {
	if !now.Before(d.ExpiresAt) {
		return StateExpired
	}
	return d.State
}

// slotOf returns the name of a request's document, and the request's fingerprint.
func slotOf(r *handler.HeldRequest) (storage.DocumentName, string) {
	digest := sha256.New()
	for _, part := range []string{r.Record.ID, r.Jira, r.Method, r.URI, r.ContentType, string(r.Digest[:])} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		digest.Write(length[:])
		digest.Write([]byte(part))
	}
	sum := digest.Sum(nil)
	return nameOf(r.Record.BudgetID() + "-" + base62(sum, slotLength)), hex.EncodeToString(sum)
}

func nameOf(slot string) storage.DocumentName { return storage.DocumentName{Kind: Kind, ID: slot} }

// slotOfID returns the name of the document of a held request.
func slotOfID(id string) (storage.DocumentName, bool) {
	if !ValidID(id) {
		return storage.DocumentName{}, false
	}
	return nameOf(id[:len(id)-roundLength]), true
}

// base62 returns length characters that represent random or hashed bytes.
func base62(from []byte, length int) string {
	text := new(big.Int).SetBytes(from).Text(62)
	text = strings.Repeat("0", length) + text
	return text[len(text)-length:]
}

// stampOf returns the stamp of a token: it changes with everything but what says
// nothing about what the token may do.
func stampOf(record *token.Record) string {
	matters := *record
	matters.Name, matters.Purpose, matters.Responsible = "", "", ""
	matters.Limit, matters.LimitWrites, matters.MaxConcurrent = token.Limit{}, token.Limit{}, 0
	matters.NotBefore, matters.ExpiresAt, matters.ExpirySetAt = time.Time{}, time.Time{}, time.Time{}
	matters.UpdatedAt, matters.PreviousUntil, matters.Handover = time.Time{}, time.Time{}, nil
	matters.Status, matters.StatusReason, matters.Version = token.StatusActive, "", 0
	text, err := json.Marshal(matters)
	if err != nil {
		return "" // cannot happen: the store keeps records as JSON
	}
	// A record that was read from the store may differ from the one that was written in
	// what its JSON leaves out.
	var read token.Record
	if json.Unmarshal(text, &read) == nil {
		if again, err := json.Marshal(read); err == nil {
			text = again
		}
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// newDocument returns the document of a new request, without its body.
func (k *Keeper) newDocument(r *handler.HeldRequest, name storage.DocumentName) document {
	_, fingerprint := slotOf(r)
	round := make([]byte, 8)
	_, _ = rand.Read(round) // never fails
	now := k.timestamp()
	return document{
		ID: name.ID + base62(round, roundLength), TokenID: r.Record.ID, TokenName: r.Record.Name, Owner: r.Record.Owner,
		Stamp: stampOf(r.Record), Fingerprint: fingerprint, State: StatePending,
		Request: Request{
			Method: r.Method, URI: r.URI, ContentType: r.ContentType,
			Digest: "sha256:" + hex.EncodeToString(r.Digest[:]), Size: len(r.Body), Jira: r.Jira,
		},
		RequestedAt: now, ExpiresAt: now.Add(waits),
	}
}

var (
	errConflicts = errors.New("the held request was changed by others again and again: try again")
	errSlotTaken = errors.New("another request of the token has the same short ID: change the request in some way")
)
