package approvals

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var (
	noon  = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	admin = storage.Actor{Kind: storage.ActorAdmin, Name: "local user root"}
)

// desk is a Keeper under test, with a token.
type desk struct {
	*Keeper
	t      *testing.T
	record *token.Record
	at     time.Time
}

// told remembers notices.
type told struct {
	mu  sync.Mutex
	all []notice.Notice
}

func (t *told) Notify(n notice.Notice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, n)
}

func newDesk(t *testing.T, keys ...string) *desk {
	t.Helper()
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { store.Close() })
	sealer, err := accounts.NewKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{Keeper: New(Options{Store: store, Keys: sealer, Notices: new(told)}), t: t, at: noon}
	d.now = func() time.Time { return d.at }
	secret := token.New()
	d.record = &token.Record{
		ID: secret.ID(), Owner: "agent@example.com", Name: "agent", Scope: token.ScopeWrite, Account: "default", Status: token.StatusActive,
		HoldWrites: true, CreatedAt: noon, UpdatedAt: noon, Digest: secret.Digest(), Version: 1,
	}
	if err := store.Apply(t.Context(), storage.Change{New: d.record, Event: storage.Event{At: noon, Action: "create", TokenID: d.record.ID}}); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) request(body string) *handler.HeldRequest {
	return &handler.HeldRequest{
		Record: d.record, Jira: "https://jira.example.com", BaseURL: "https://gateway.example.com", Method: "POST", URI: "/rest/api/2/issue/A-1/comment?x=1",
		ContentType: "application/json", Body: []byte(body), Digest: sha256.Sum256([]byte(body)),
	}
}

func (d *desk) check(r *handler.HeldRequest) handler.Approval {
	d.t.Helper()
	approval, err := d.Check(d.t.Context(), r)
	if err != nil {
		d.t.Fatal(err)
	}
	return approval
}

// actions returns the actions of the trail about held requests.
func (d *desk) actions() string {
	d.t.Helper()
	page, err := d.Store.Events(d.t.Context(), storage.EventQuery{Limit: 1000})
	if err != nil {
		d.t.Fatal(err)
	}
	var actions []string
	for _, event := range page.Events {
		if rest, ok := strings.CutPrefix(event.Action, "approval_"); ok {
			actions = append(actions, rest)
		}
		if text, _ := json.Marshal(event); strings.Contains(string(text), "hunter2") || strings.Contains(string(text), "x=1") {
			d.t.Errorf("the trail holds the request's content: %s", text)
		}
	}
	return strings.Join(actions, " ")
}

// admitted admits a request.
func admitted() error { return nil }

// TestLifeOfAnApproval: the same ID while it waits, one pass, and a new ID afterwards.
func TestLifeOfAnApproval(t *testing.T) {
	d := newDesk(t)
	r := d.request(`{"body":"hunter2"}`)
	first := d.check(r)
	if again := d.check(r); first.State != StatePending || again != first || !ValidID(first.ID) || first.URL != "https://gateway.example.com/rest/jira-tokens/1/approvals/"+first.ID {
		t.Errorf("%+v, again %+v", first, again)
	}
	if used, err := d.Use(t.Context(), r, first, admitted); used || err != nil {
		t.Error("used without an approval", err)
	}
	if other := d.check(d.request(`{}`)); other.ID == first.ID {
		t.Error("another request has the same ID")
	}
	if view, body, err := d.Show(t.Context(), first.ID); err != nil || string(body) != `{"body":"hunter2"}` || view.Request.Size != len(body) || view.Owner != "agent@example.com" {
		t.Errorf("%+v %s %v", view, body, err)
	}
	if _, err := d.Approve(t.Context(), admin, first.ID, "fine"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Approve(t.Context(), admin, first.ID, ""); !errors.As(err, new(StateError)) {
		t.Errorf("approved twice: %v", err)
	}
	if _, body, err := d.Show(t.Context(), first.ID); err != nil || body != nil {
		t.Errorf("the body is kept after the decision: %s %v", body, err)
	}
	approval := d.check(r)
	if approval.ID != first.ID || approval.State != StateApproved {
		t.Errorf("%+v", approval)
	}
	if used, err := d.Use(t.Context(), r, approval, admitted); !used || err != nil {
		t.Errorf("not used: %v", err)
	}
	if used, err := d.Use(t.Context(), r, approval, admitted); used || err != nil {
		t.Errorf("used twice: %v", err)
	}
	next := d.check(r)
	if next.ID == first.ID || next.State != StatePending {
		t.Errorf("after it was used: %+v", next)
	}
	if _, err := d.Approve(t.Context(), admin, first.ID, ""); !errors.Is(err, token.ErrNotFound) || !strings.Contains(err.Error(), next.ID) {
		t.Errorf("the old ID was approved: %v", err)
	}
	if _, err := d.Reject(t.Context(), admin, next.ID, ""); err == nil {
		t.Error("rejected without a reason")
	}
	if _, err := d.Reject(t.Context(), admin, next.ID, "no"); err != nil {
		t.Fatal(err)
	}
	if rejected := d.check(r); rejected.ID != next.ID || rejected.State != StateRejected || rejected.Reason != "no" {
		t.Errorf("%+v", rejected)
	}
	notices := d.Notices.(*told).all
	if len(notices) != 3 || notices[0].Type != notice.ApprovalRequested || notices[0].Subject != "approvals/"+first.ID || strings.Contains(fmt.Sprint(notices), "x=1") {
		t.Errorf("notices: %v", notices)
	}
	if got := d.actions(); got != "request request approve use request reject" {
		t.Errorf("trail: %s", got)
	}
}

// TestApprovalsExpire: undecided after a day, unused after an hour.
func TestApprovalsExpire(t *testing.T) {
	d := newDesk(t)
	r := d.request(`{}`)
	first := d.check(r)
	d.at = d.at.Add(waits)
	if _, err := d.Approve(t.Context(), admin, first.ID, ""); !errors.As(err, new(StateError)) {
		t.Errorf("approved too late: %v", err)
	}
	second := d.check(r)
	if _, err := d.Approve(t.Context(), admin, second.ID, ""); err != nil || second.ID == first.ID {
		t.Fatal(second, err)
	}
	d.at = d.at.Add(usable)
	if used, err := d.Use(t.Context(), r, second, admitted); used || err != nil {
		t.Error("used too late", err)
	}
	if third := d.check(r); third.State != StatePending || third.ID == second.ID {
		t.Errorf("%+v", third)
	}
	d.at = d.at.Add(waits)
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, _, err := d.List(t.Context(), Query{}); err != nil || len(list) > 0 {
		t.Errorf("%v %v", list, err)
	}
	if got := d.actions(); got != "request expire request approve expire request expire" {
		t.Errorf("trail: %s", got)
	}
}

// TestApprovalsOfAChangedToken: an approval is void once the token may do something
// else, or has another secret.
func TestApprovalsOfAChangedToken(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*token.Record)
		void   bool
	}{
		"scope":    {func(r *token.Record) { r.Scope = token.ScopeAdmin }, true},
		"account":  {func(r *token.Record) { r.Account = "other" }, true},
		"confine":  {func(r *token.Record) { r.Confine.Projects = []token.Project{{Key: "A"}} }, true},
		"rotated":  {func(r *token.Record) { r.Digest = token.New().Digest() }, true},
		"owner":    {func(r *token.Record) { r.Owner = "bob" }, true},
		"renamed":  {func(r *token.Record) { r.Name = "x" }, false},
		"limited":  {func(r *token.Record) { r.LimitWrites = token.Limit{Requests: 1, Period: time.Hour, Burst: 1} }, false},
		"extended": {func(r *token.Record) { r.ExpiresAt, r.ExpirySetAt = noon.AddDate(1, 0, 0), noon }, false},
		"alarmed":  {func(r *token.Record) { r.Handover = &token.Handover{Digest: token.New().Digest(), ExpiresAt: noon} }, false},
	} {
		d := newDesk(t)
		pending, approved := d.request("1"), d.request("2")
		first := d.check(pending)
		if _, err := d.Approve(t.Context(), admin, d.check(approved).ID, ""); err != nil {
			t.Fatal(err)
		}
		granted := d.check(approved)
		changed := *d.record
		test.change(&changed)
		changed.Version = 2
		if err := d.Store.Apply(t.Context(), storage.Change{Old: d.record, New: &changed, Event: storage.Event{At: noon, Action: "update", TokenID: changed.ID}}); err != nil {
			t.Fatal(err)
		}
		d.record = &changed
		pending.Record, approved.Record = &changed, &changed
		if _, err := d.Approve(t.Context(), admin, first.ID, ""); (err != nil) != test.void {
			t.Errorf("%s: approved: %v", name, err)
		}
		if used, err := d.Use(t.Context(), approved, granted, admitted); used == test.void || err != nil {
			t.Errorf("%s: used %t, %v", name, used, err)
		}
		if test.void {
			if again := d.check(approved); again.State != StatePending || again.ID == granted.ID {
				t.Errorf("%s: %+v", name, again)
			}
		}
	}
	d := newDesk(t)
	first := d.check(d.request("1"))
	disabled := *d.record
	disabled.Status, disabled.Version = token.StatusRevoked, 2
	if err := d.Store.Apply(t.Context(), storage.Change{Old: d.record, New: &disabled, Event: storage.Event{At: noon, Action: "revoke", TokenID: disabled.ID}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Approve(t.Context(), admin, first.ID, ""); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("approved for a revoked token: %v", err)
	}
}

// TestOwnersDoNotApprove: as far as it is known who approves.
func TestOwnersDoNotApprove(t *testing.T) {
	d := newDesk(t)
	first := d.check(d.request("1"))
	for _, name := range []string{"agent@example.com", "Agent@Example.com", "local user agent", "local user agent@example.com", "CN=agent@example.com,O=Acme"} {
		if _, err := d.Approve(t.Context(), storage.Actor{Kind: storage.ActorAdmin, Name: name}, first.ID, ""); !errors.As(err, new(StateError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{"", "x", d.record.ID, first.ID + "x", "0000000000-0000000000000000"} {
		if _, err := d.Approve(t.Context(), admin, id, ""); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := d.Approve(t.Context(), storage.Actor{Kind: storage.ActorAdmin}, first.ID, ""); err != nil {
		t.Error(err)
	}
}

// TestPendingRequestsAreBounded: a flood is refused, and its bodies are not all kept.
func TestPendingRequestsAreBounded(t *testing.T) {
	d := newDesk(t)
	large := strings.Repeat("x", maxBody-10)
	body := func(i int) string { // there are more large ones than are kept
		if i > 2*maxBodies/maxBody {
			return fmt.Sprint(i)
		}
		return fmt.Sprintf(`"%03d%s"`, i, large)
	}
	kept := 0
	for i := range maxPending {
		approval := d.check(d.request(body(i)))
		if view, _, err := d.Show(t.Context(), approval.ID); err != nil {
			t.Fatal(err)
		} else if view.BodyKept && view.Request.Size > 1000 {
			kept++
		}
	}
	if kept == 0 || kept > maxBodies/maxBody+1 {
		t.Errorf("%d bodies are kept", kept)
	}
	for range 3 {
		if _, err := d.Check(t.Context(), d.request("one more")); !errors.Is(err, handler.ErrTooManyApprovals) {
			t.Errorf("one more: %v", err)
		}
	}
	if known := d.check(d.request(body(7))); known.State != StatePending {
		t.Errorf("one of them: %+v", known)
	}
	d.at = d.at.Add(waits)
	d.check(d.request("one more"))
}

// TestJWTsWaitTogether: another JWT makes no more room for requests that wait, and those of
// each token are its own.
func TestJWTsWaitTogether(t *testing.T) {
	d := newDesk(t)
	created := d.request("of another kind")
	request := func(i int) *handler.HeldRequest {
		r, record, secret := d.request(fmt.Sprint(i)), *d.record, token.New()
		record.ID, record.Digest, record.Issuer = secret.ID(), secret.Digest(), "https://issuer.example"
		record.ExpiresAt, record.VanishesAt = noon.Add(time.Hour), noon.Add(2*time.Hour)
		if err := d.Store.Apply(t.Context(), storage.Change{New: &record, Event: storage.Event{At: noon, Action: "exchange", TokenID: record.ID}}); err != nil {
			t.Fatal(err)
		}
		r.Record = &record
		return r
	}
	first := request(0)
	known := d.check(first)
	for i := 1; i < maxPending; i++ {
		d.check(request(i))
	}
	if _, err := d.Check(t.Context(), request(maxPending)); !errors.Is(err, handler.ErrTooManyApprovals) {
		t.Errorf("another JWT: %v", err)
	}
	d.check(created) // the token of the same owner that was not exchanged
	views, _, err := d.List(t.Context(), Query{TokenID: first.Record.ID})
	if err != nil || len(views) != 1 || views[0].ID != known.ID || views[0].TokenID != first.Record.ID {
		t.Errorf("of the first: %+v, %v", views, err)
	}
	if _, err := d.Approve(t.Context(), admin, known.ID, ""); err != nil {
		t.Error(err)
	}
	if used, err := d.Use(t.Context(), first, known, admitted); !used || err != nil {
		t.Errorf("used %t, %v", used, err)
	}
}

// TestBodiesAreEncrypted: with a key, the store does not show them.
func TestBodiesAreEncrypted(t *testing.T) {
	d := newDesk(t, strings.Repeat("ab", 32))
	r := d.request(`{"body":"hunter2"}`)
	first := d.check(r)
	name, _ := slotOf(r)
	document, err := d.Store.Document(t.Context(), name)
	if err != nil || strings.Contains(string(document.Data), "hunter2") || strings.Contains(string(document.Data), "aHVudGVyMg") {
		t.Errorf("%s %v", document.Data, err)
	}
	if _, body, err := d.Show(t.Context(), first.ID); err != nil || string(body) != `{"body":"hunter2"}` {
		t.Errorf("%s %v", body, err)
	}
	d.Keys, _ = accounts.NewKeys([]string{strings.Repeat("cd", 32)})
	if _, _, err := d.Show(t.Context(), first.ID); err == nil || !strings.Contains(err.Error(), "encryption_key") {
		t.Errorf("with another key: %v", err)
	}
}

// TestBodiesThatAreNotKept are described instead.
func TestBodiesThatAreNotKept(t *testing.T) {
	d := newDesk(t)
	const form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.txt\"\r\n\r\nhello\r\n--b--\r\n"
	for name, test := range map[string]struct {
		contentType, body string
		kept              bool
		parts             string
	}{
		"JSON":      {"application/json;charset=UTF-8", `{}`, true, ""},
		"text":      {"text/plain", "x", true, ""},
		"binary":    {"application/octet-stream", "x", false, ""},
		"too large": {"application/json", strings.Repeat("x", maxBody+1), false, ""},
		"a token":   {"application/json", token.New().Reveal(), false, ""},
		"multipart": {"multipart/form-data; boundary=b", form, false, `file: file "a.txt" (5 bytes)`},
	} {
		r := d.request(test.body)
		r.ContentType = test.contentType
		view, _, err := d.Show(t.Context(), d.check(r).ID)
		if err != nil || view.BodyKept != test.kept || strings.Join(view.Request.Parts, ", ") != test.parts {
			t.Errorf("%s: %+v %v", name, view, err)
		}
	}
}
