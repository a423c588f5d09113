package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The actions of the audit trail.
const (
	ActionAdd       = "account_add"
	ActionReplace   = "account_replace"
	ActionRemove    = "account_remove"
	ActionReencrypt = "account_reencrypt"
)

// Edit describes an account to add, or the new credential of one.
type Edit struct {
	// Name is the name of an account to add. An owner's own account has an Owner
	// instead.
	Name  string `json:"name,omitempty"`
	Owner string `json:"owner,omitempty"`
	// Cloud or Jira is the base URL of Jira Cloud or Data Center. In a replacement,
	// it must be left out or be the account's.
	Cloud string `json:"cloud,omitempty"`
	Jira  string `json:"jira,omitempty"`
	// Kind is the kind of credential. Default: basic; in a replacement, the
	// account's.
	Kind Kind `json:"kind,omitempty"`
	// User is the user of basic, or the client ID of oauth. Default in a replacement
	// with the same kind: the account's.
	User string `json:"user,omitempty"`
	// Scoped means that Jira Cloud's API is called by cloud ID, as it always is for
	// oauth. Default in a replacement with the same kind: as for the account.
	Scoped *bool `json:"scoped,omitempty"`
	// APIURL is called for scoped credentials. Default: jira.DefaultAPIURL
	APIURL string `json:"api_url,omitempty"`
	// TokenURL issues access tokens for oauth. Default: jira.DefaultTokenURL
	TokenURL string `json:"token_url,omitempty"`
	// Secret is the password, API token, personal access token or client secret.
	Secret string `json:"secret"`
	// ExpiresAt is when the credential expires, as token.ParseMoment accepts it.
	// Default: never, as far as is known.
	ExpiresAt string `json:"expires_at,omitempty"`
	// Revision makes a replacement fail unless the account has this revision. Default:
	// whatever it has.
	Revision string `json:"revision,omitempty"`
}

// URL returns the base URL of the Jira that an account is added for.
func (e *Edit) URL() (string, error) {
	switch {
	case e.Cloud != "" && e.Jira != "":
		return "", token.InvalidError{Field: "cloud", Err: errors.New("expected either cloud or jira, not both")}
	case e.Cloud == "" && e.Jira == "":
		return "", token.InvalidError{Field: "jira", Err: errors.New("missing Jira's base URL: expected cloud, such as https://acme.atlassian.net, or jira, such as https://jira.example.com")}
	case e.Cloud != "" && !strings.Contains(e.Cloud, "://"):
		return "https://" + e.Cloud, nil
	}
	return e.Cloud + e.Jira, nil
}

// Jira is the Jira that an account is for, as a gateway reaches it.
type Jira struct {
	URL       string
	Transport http.RoundTripper
}

// Actor is who makes a change.
type Actor = storage.Actor

// Error is an error with a kind, such as token.ErrConflict, that its text need not
// mention.
type Error struct {
	Text string
	Kind error
}

func (e Error) Error() string { return e.Text }

func (e Error) Unwrap() error { return e.Kind }

func unknown(ref Ref) error {
	if ref.isOwn() {
		return Error{fmt.Sprintf("the store does not have %s; to list all accounts, run: caddy jira-token account list", ref), token.ErrNotFound}
	}
	return Error{fmt.Sprintf("the store has no %s; to list all, run: caddy jira-token account list", ref), token.ErrNotFound}
}

func conflict(format string, args ...any) error {
	return Error{fmt.Sprintf(format, args...), token.ErrConflict}
}

// UnreachableError reports that a Jira could not be asked who an account is.
type UnreachableError struct {
	Jira string
	Err  error
}

func (e UnreachableError) Error() string {
	return fmt.Sprintf("nothing was saved: asking %s who the account is: %s", e.Jira, e.Err)
}

func (e UnreachableError) Unwrap() error { return e.Err }

// ref returns the reference to the account that the edit adds.
func (e *Edit) ref(url string) Ref {
	if e.Owner != "" && (e.Name == "" || e.Name == token.OwnAccount) {
		return Own(e.Owner, url)
	}
	return Ref{Name: e.Name, Owner: e.Owner}
}

// Add adds an account to the store, once Jira has accepted it.
func (s *Set) Add(ctx context.Context, actor storage.Actor, edit Edit, at Jira) (View, error) {
	ref := edit.ref(at.URL)
	if err := ref.check(); err != nil {
		return View{}, err
	}
	if s.hides(ref) {
		return View{}, conflict("the configuration has %s, which takes precedence: choose another name, or remove that account from the configuration", ref)
	}
	exists := conflict("there is %s already: give it a new credential with `caddy jira-token account replace %s`", ref, ref.flags())
	switch _, err := s.options.Store.Document(ctx, ref.document()); {
	case err == nil, errors.Is(err, storage.ErrDamaged):
		return View{}, exists
	case !errors.Is(err, storage.ErrNotFound):
		return View{}, err
	}
	r := record{AddedBy: actor, AddedAt: s.now()}
	if err := s.fill(ctx, &r, ref, edit, at); err != nil {
		return View{}, err
	}
	err := s.apply(ctx, actor, ActionAdd, ref, 0, nil, &r)
	if errors.Is(err, storage.ErrConflict) {
		return View{}, exists
	}
	if err != nil {
		return View{}, err
	}
	return s.saved(ref, &r), nil
}

// Replace gives a stored account a new credential, once Jira has accepted it. The
// account stays the same for its tokens.
func (s *Set) Replace(ctx context.Context, actor storage.Actor, ref Ref, edit Edit, jiraAt func(url string) (Jira, error)) (View, error) {
	document, old, err := s.read(ctx, ref)
	if err != nil {
		return View{}, lost(ref, edit.Revision, err)
	}
	if edit.Name != "" && edit.Name != ref.Name || edit.Owner != "" && token.Fold(edit.Owner) != token.Fold(ref.Owner) {
		return View{}, token.InvalidError{Field: "account_name", Err: errors.New("the name and the owner of an account cannot be changed")}
	}
	if old == nil {
		return View{}, conflict("%s is damaged in the store: remove it with `caddy jira-token account remove %s`, and add it again", ref, ref.flags())
	}
	if err := old.checkRevision(ref, edit.Revision); err != nil {
		return View{}, err
	}
	if url := edit.Cloud + edit.Jira; url != "" && !jira.SameURL(url, old.Jira) && !jira.SameURL("https://"+url, old.Jira) {
		return View{}, token.InvalidError{Field: "jira", Err: fmt.Errorf("%s is for %s: for another Jira, add another account", ref, old.Jira)}
	}
	at, err := jiraAt(old.Jira)
	if err != nil {
		return View{}, err
	}
	r := *old
	r.ReplacedBy, r.ReplacedAt = actor, s.now()
	if edit.Kind == "" || edit.Kind == old.Kind {
		edit.inherit(old.Target)
	}
	edit.Owner = old.Owner
	if err := s.fill(ctx, &r, ref, edit, at); err != nil {
		return View{}, err
	}
	if err := s.apply(ctx, actor, ActionReplace, ref, document.Version, old, &r); err != nil {
		return View{}, changedMeanwhile(ref, err)
	}
	s.revokeOld(ctx, actor, ref, old)
	return s.saved(ref, &r), nil
}

// inherit sets what the edit leaves out to what the account has.
func (e *Edit) inherit(old Target) {
	e.Kind = old.Kind
	if e.User == "" {
		e.User = old.User
	}
	if e.Scoped == nil {
		e.Scoped = &old.Scoped
	}
	if e.APIURL == "" && *e.Scoped {
		e.APIURL = old.APIURL
	}
	if e.TokenURL == "" {
		e.TokenURL = old.TokenURL
	}
}

// Remove removes a stored account. inUse returns the number of tokens that use it.
func (s *Set) Remove(ctx context.Context, actor storage.Actor, ref Ref, inUse func(context.Context) (int, error)) error {
	return s.remove(ctx, actor, ref, "", inUse)
}

func (s *Set) remove(ctx context.Context, actor storage.Actor, ref Ref, revision string, inUse func(context.Context) (int, error)) error {
	document, old, err := s.read(ctx, ref)
	if err == nil && old != nil {
		err = old.checkRevision(ref, revision)
	}
	if err != nil {
		return err
	}
	if !s.hides(ref) { // otherwise tokens use the configured one
		n, err := inUse(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			return conflict("%s is in use (tokens: %d): give them another account, or revoke them, first; to list them, run: caddy jira-token list --account %s", ref, n, ref.listed())
		}
	}
	if err := s.apply(ctx, actor, ActionRemove, ref, document.Version, old, nil); err != nil {
		return changedMeanwhile(ref, err)
	}
	s.revokeOld(ctx, actor, ref, old)
	return nil
}

func changedMeanwhile(ref Ref, err error) error {
	if errors.Is(err, storage.ErrConflict) {
		return conflict("somebody else has changed %s in the meantime: look at it, and try again", ref)
	}
	return err
}

// read returns a stored account from the store. Its record is nil if it cannot be
// decoded; the version is 0 if not even the document can.
func (s *Set) read(ctx context.Context, ref Ref) (storage.Document, *record, error) {
	id := ref.document()
	if id.Check() != nil {
		return storage.Document{}, nil, unknown(Ref{Name: token.Printable(ref.Name, maxName)})
	}
	document, err := s.options.Store.Document(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound) && s.hides(ref):
		return document, nil, conflict("%s is in the configuration: change it there", ref)
	case errors.Is(err, storage.ErrNotFound):
		return document, nil, unknown(ref)
	case errors.Is(err, storage.ErrDamaged):
		return storage.Document{DocumentName: id}, nil, nil
	case err != nil:
		return document, nil, err
	}
	decoded, err := decodeRecord(document.Data)
	if err != nil {
		return document, nil, nil //nolint:nilerr // a nil record says so
	}
	return document, &decoded, nil
}

// fill sets what the edit says, after asking Jira about it, and encrypts the secret.
func (s *Set) fill(ctx context.Context, r *record, ref Ref, edit Edit, at Jira) error {
	if !s.KeepsAccounts() {
		return Error{errNoKey.Error(), token.ErrConflict}
	}
	if edit.Kind == KindConsent {
		return token.InvalidError{Field: "kind", Err: fmt.Errorf("a consent by OAuth is given by the owner: run caddy jira-token account connect %s; or say which other kind of credential this is", ref.flags())}
	}
	if err := checkSecret(edit.Secret); err != nil {
		return err
	}
	r.Target = edit.target(at.URL)
	if err := r.Target.check(); err != nil {
		return err
	}
	r.ExpiresAt = time.Time{}
	if edit.ExpiresAt != "" {
		expires, err := token.ParseMoment(edit.ExpiresAt, s.options.Now())
		if err == nil && !expires.IsZero() && !expires.After(s.options.Now()) {
			err = fmt.Errorf("expiry %s is in the past: expected a time in the future, or never", expires.Format(time.RFC3339))
		}
		if err != nil {
			return token.InvalidError{Field: "expires_at", Err: err}
		}
		r.ExpiresAt = expires
	}
	identity, err := identify(ctx, r.account(ref.label(), r.credential(edit.Secret), nil), at, edit)
	if err != nil {
		return err
	}
	s.validated(r, identity)
	r.Grant = nil
	return s.seal(r, ref, edit.Secret)
}

// validated records who Jira says that the account is.
func (s *Set) validated(r *record, identity jira.Identity) {
	r.ValidatedAs = token.Printable(identity.User, maxUser)
	r.ValidatedAt = s.options.Now().UTC().Truncate(time.Second)
}

// seal encrypts the secret of an account.
func (s *Set) seal(r *record, ref Ref, secret string) error {
	bound, err := r.bound(ref.document())
	if err != nil {
		return err
	}
	r.Sealed, err = s.options.Keys.seal(secret, bound)
	return err
}

// target returns where the edit's credential is sent.
func (e *Edit) target(url string) Target {
	t := Target{Owner: e.Owner, Jira: url, Kind: e.Kind, User: e.User, TokenURL: strings.TrimSuffix(e.TokenURL, "/"), APIURL: strings.TrimSuffix(e.APIURL, "/")}
	if t.Kind == "" {
		t.Kind = KindBasic
	}
	t.Scoped = t.Kind == KindOAuth || e.Scoped != nil && *e.Scoped
	if t.Scoped && t.APIURL == "" {
		t.APIURL = jira.DefaultAPIURL
	}
	if t.Kind == KindOAuth && t.TokenURL == "" {
		t.TokenURL = jira.DefaultTokenURL
	}
	return t
}

// ScopedHint ends errors about a credential of Jira Cloud that may be a scoped one, for the
// command.
const ScopedHint = " If it is a scoped API token or a service account's, add --scoped."

// identify asks a Jira who an account is.
func identify(ctx context.Context, account *jira.Account, at Jira, edit Edit) (jira.Identity, error) {
	identity, err := jira.Identify(ctx, at.Transport, at.URL, account)
	if refused, ok := errors.AsType[jira.RefusedError](err); ok && !refused.Page {
		hint := ""
		if edit.Cloud != "" && !account.ByCloudID() {
			hint = ScopedHint
		}
		return identity, token.InvalidError{Field: "secret", Err: fmt.Errorf("nothing was saved: %s: %w%s", at.URL, refused, hint)}
	}
	if err != nil {
		return identity, UnreachableError{at.URL, err}
	}
	if edit.Owner != "" && !identity.Is(edit.Owner) {
		return identity, token.InvalidError{Field: "owner", Err: fmt.Errorf("nothing was saved: %s says that the credential is %s's, not %s's: an owner's own account must be the owner's, by account ID, email address, user name or key",
			at.URL, token.Printable(identity.User, maxUser), edit.Owner)}
	}
	isCloud := identity.Deployment == jira.DeploymentCloud
	switch {
	case identity.Deployment == "":
	case edit.Cloud != "" && !isCloud:
		return identity, token.InvalidError{Field: "cloud", Err: fmt.Errorf("nothing was saved: %s is not Jira Cloud, but %s: give it as jira", at.URL, token.Printable(identity.Deployment, 50))}
	case edit.Jira != "" && isCloud:
		return identity, token.InvalidError{Field: "jira", Err: fmt.Errorf("nothing was saved: %s is Jira Cloud: give it as cloud", at.URL)}
	}
	return identity, nil
}

// apply makes a change in the store and on this node.
func (s *Set) apply(ctx context.Context, actor storage.Actor, action string, ref Ref, version uint64, old, changed *record) error {
	change := storage.DocumentChange{DocumentName: ref.document(), Version: version, Event: storage.Event{
		At: s.options.Now().UTC(), Action: action, Name: ref.Name, Owner: ref.Owner, Actor: actor, Changes: differences(old, changed),
	}}
	change.Damaged = changed == nil && version == 0
	if changed != nil {
		var err error
		if change.Data, err = json.Marshal(changed); err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
	}
	if err := s.options.Store.ApplyDocument(ctx, change); err != nil {
		return fmt.Errorf("%s: %s: %w", ref, strings.TrimPrefix(action, "account_"), err)
	}
	// Other nodes are notified. If this read fails, so is this one.
	_ = s.shelfOf(ref).mirror.Refresh(ctx, change.ID)
	return nil
}

// differences lists the fields that differ. Of the secret it says only that it is new.
func differences(before, after *record) []storage.FieldChange {
	var changes []storage.FieldChange
	compare := func(field, was, is string) {
		if was == is {
			return
		}
		changes = append(changes, storage.FieldChange{Field: field, Old: encode(was), New: encode(is)})
	}
	was, is := fields(before), fields(after)
	for _, field := range fieldNames {
		compare(field, was[field], is[field])
	}
	if before != nil && after != nil && after.ReplacedAt != before.ReplacedAt {
		changes = append(changes, storage.FieldChange{Field: "secret", New: encode("replaced")})
	}
	return changes
}

// fieldNames are the fields that the audit trail shows, in order.
var fieldNames = [...]string{"jira", "kind", "user", "scoped", "api_url", "token_url", "expires_at", "validated_as", "encryption_key", "failing"}

func fields(r *record) map[string]string {
	if r == nil {
		return nil
	}
	values := map[string]string{
		"jira": r.Jira, "kind": string(r.Kind), "user": r.User, "api_url": r.APIURL, "token_url": r.TokenURL,
		"validated_as": r.ValidatedAs, "encryption_key": r.Sealed.Key,
	}
	if r.Scoped {
		values["scoped"] = "true"
	}
	if r.Grant != nil {
		values["failing"] = r.Grant.Error
	}
	if !r.ExpiresAt.IsZero() {
		values["expires_at"] = r.ExpiresAt.Format(time.RFC3339)
	}
	return values
}

// encode returns text as JSON, or nil if it is empty.
func encode(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	encoded, err := json.Marshal(text)
	if err != nil {
		return nil // cannot happen
	}
	return encoded
}
