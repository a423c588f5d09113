package handler

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Approvals keeps held requests until somebody approves or rejects them.
type Approvals interface {
	// Check returns what was decided about a request, and asks for its approval if
	// nobody has yet. The error is ErrTooManyApprovals, or wraps token.ErrUnavailable
	// if the store cannot be asked.
	Check(ctx context.Context, request *HeldRequest) (Approval, error)
	// Use uses up the approval of a request, which must not be forwarded before. It
	// reports whether the request may pass: of several at once, on whatever node, only
	// one may. It calls admit right before that, unless the request may not pass. Calls on
	// one node take turns, so that admit is not called for a request whose approval was
	// just used up. If admit returns an error, so does Use, and the approval is as good as
	// before. After any other error, it may be used up or not.
	Use(ctx context.Context, request *HeldRequest, approval Approval, admit func() error) (bool, error)
}

// MaxPendingApprovals is the maximum number of requests that wait for each
// token.Record.BudgetID.
const MaxPendingApprovals = 100

// ErrTooManyApprovals says that no more requests of a token can wait.
var ErrTooManyApprovals = errors.New("too many requests of the token wait for approval")

// HeldRequest is a request that must be approved before it reaches Jira.
type HeldRequest struct {
	Record *token.Record
	// Jira is the URL of the Jira that it is for.
	Jira string
	// Method, URI, which is the escaped path and the query, and ContentType are the
	// client's.
	Method, URI string
	ContentType string
	// BaseURL is the gateway's base URL as the client used it.
	BaseURL string
	// Body is the whole body, Digest its digest.
	Body   []byte
	Digest [sha256.Size]byte
	// Address and UserAgent are the client's.
	Address   netip.Addr
	UserAgent string
}

// Approval is what was decided about a held request.
type Approval struct {
	ID    string
	State ApprovalState
	// URL is where the token's holder sees what became of the request.
	URL string
	// Reason is why it was rejected or approved, as far as somebody said so.
	Reason string
	// ExpiresAt is when the state ends.
	ExpiresAt time.Time
}

// ApprovalState is the state of a held request.
type ApprovalState string

// The states. A request in another state than these needs a new approval.
const (
	ApprovalPending  ApprovalState = "pending"
	ApprovalApproved ApprovalState = "approved"
	ApprovalRejected ApprovalState = "rejected"
	ApprovalUsed     ApprovalState = "used"
	ApprovalExpired  ApprovalState = "expired"
)
