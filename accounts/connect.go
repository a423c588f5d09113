package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The paths of the pages with which owners consent, below the gateway's public URL. The
// link's secret follows ConnectPath.
const (
	ConnectPath  = "/rest/jira-tokens/1/oauth/connect/"
	CallbackPath = "/rest/jira-tokens/1/oauth/callback"
)

// ActionConnectLink is the action of the audit event for a link to connect.
const ActionConnectLink = "account_connect_link"

// connectKind is the kind of the documents of links. Their ID is the digest of the link's
// secret.
const connectKind = "account_connect"

const (
	defaultLinkLifetime = time.Hour
	maxLinkLifetime     = 7 * 24 * time.Hour
	// attemptLifetime is how long an owner has between opening a link and consenting.
	attemptLifetime = 15 * time.Minute
	// maxAttempts is how often a link can be open at the same time. Mail scanners open
	// links too, which must not end the owner's own attempt.
	maxAttempts = 5
)

// connection is the JSON of a link. It has digests of secrets only.
type connection struct {
	Owner     string        `json:"owner"`
	Jira      string        `json:"jira"`
	CreatedBy storage.Actor `json:"created_by"`
	ExpiresAt time.Time     `json:"expires_at"`
	// From is the page on which the owner asked for the link; empty if there is none.
	From     string    `json:"from,omitempty"`
	Attempts []attempt `json:"attempts,omitempty"`
}

// attempt is one time that the link was opened.
type attempt struct {
	// State and Browser are the digests of the state that Jira sends back, and of the
	// secret in the browser's cookie.
	State   []byte    `json:"state"`
	Browser []byte    `json:"browser"`
	At      time.Time `json:"at"`
}

// Link is a link with which an owner connects.
type Link struct {
	URL       string    `json:"url"`
	Owner     string    `json:"owner"`
	Jira      string    `json:"jira"`
	ExpiresAt time.Time `json:"expires_at"`
}

// LinkError reports that a link or a consent cannot be used. Its text is for the owner.
type LinkError struct {
	Text string
	// Guess is set if somebody may be guessing at the secret of a link.
	Guess bool
}

func (e LinkError) Error() string { return e.Text }

var (
	errLink    = LinkError{"This link does not exist, has expired or has been used. Ask for a new one.", true}
	errAttempt = LinkError{"This did not begin in this browser, took too long, or is already done. Open the link again, and finish in the same browser.", true}
)

// NewLink returns a link with which an owner lets the gateway act for the owner in the
// Jira with this base URL. It works once, until lifetime, such as 1h, has passed; the
// default is an hour. Only its digest is stored. from is the URL of a page to lead the owner
// back to; it may be empty, and must not be what a client says.
func (s *Set) NewLink(ctx context.Context, actor storage.Actor, ref Ref, lifetime, from string) (Link, error) {
	if err := ref.check(); err != nil {
		return Link{}, err
	}
	if _, err := s.app(ref.Jira); err != nil {
		return Link{}, Error{err.Error(), token.ErrConflict}
	}
	if !s.KeepsAccounts() {
		return Link{}, Error{errNoKey.Error(), token.ErrConflict}
	}
	lives := defaultLinkLifetime
	if lifetime != "" {
		var err error
		if lives, err = token.ParseSpan(lifetime); err == nil && lives > maxLinkLifetime {
			err = errors.New("at most 7d")
		}
		if err != nil {
			return Link{}, token.InvalidError{Field: "expires", Err: fmt.Errorf("invalid lifetime of the link: %w", err)}
		}
	}
	now := s.options.Now().UTC().Truncate(time.Second)
	s.sweepLinks(ctx, now)
	secret := rand.Text()
	made := connection{Owner: ref.Owner, Jira: ref.Jira, CreatedBy: actor, ExpiresAt: now.Add(lives), From: from}
	err := s.applyLink(ctx, storage.DocumentChange{
		DocumentName: linkName(secret),
		Event:        storage.Event{At: now, Action: ActionConnectLink, Name: ref.Name, Owner: ref.Owner, Actor: actor},
	}, &made)
	if err != nil {
		return Link{}, fmt.Errorf("saving the link: %w", err)
	}
	return Link{s.options.PublicURL + ConnectPath + secret, ref.Owner, ref.Jira, made.ExpiresAt}, nil
}

func linkName(secret string) storage.DocumentName {
	return storage.DocumentName{Kind: connectKind, ID: hex.EncodeToString(digest(secret))}
}

func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func (s *Set) applyLink(ctx context.Context, change storage.DocumentChange, link *connection) (err error) {
	if link != nil {
		if change.Data, err = json.Marshal(link); err != nil {
			return err
		}
	}
	return s.options.Store.ApplyDocument(ctx, change)
}

// sweepLinks deletes some of the links that have expired.
func (s *Set) sweepLinks(ctx context.Context, now time.Time) {
	page, err := s.options.Store.Documents(ctx, storage.DocumentQuery{Kind: connectKind, Limit: storage.MaxPageSize})
	if err != nil {
		return // the next link tries again
	}
	for _, document := range page.Documents {
		var link connection
		if json.Unmarshal(document.Data, &link) != nil || now.After(link.ExpiresAt) {
			_ = s.endLink(ctx, document, link, system, "account_connect_expired")
		}
	}
}

// endLink deletes a link.
func (s *Set) endLink(ctx context.Context, document storage.Document, link connection, actor storage.Actor, action string) error {
	return s.applyLink(ctx, storage.DocumentChange{
		DocumentName: document.DocumentName, Version: document.Version,
		Event: storage.Event{At: s.options.Now().UTC(), Action: action, Name: token.OwnAccount, Owner: link.Owner, Actor: actor},
	}, nil)
}

// link reads a link that has not expired.
func (s *Set) link(ctx context.Context, name storage.DocumentName) (storage.Document, connection, error) {
	document, err := s.options.Store.Document(ctx, name)
	var link connection
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrDamaged):
		return document, link, errLink
	case err != nil:
		return document, link, err
	}
	if json.Unmarshal(document.Data, &link) != nil || !s.options.Now().Before(link.ExpiresAt) {
		return document, link, errLink
	}
	return document, link, nil
}

// Opened is what happens when a link is opened.
type Opened struct {
	// ConsentURL is where the owner consents.
	ConsentURL string
	// Browser is a secret for a cookie of the browser, which Finish needs.
	Browser string
	// Lifetime is how long the owner has.
	Lifetime time.Duration
}

// OpenLink begins an attempt to connect with the link that has this secret.
func (s *Set) OpenLink(ctx context.Context, secret string) (Opened, error) {
	name := linkName(secret)
	for range attempts {
		document, link, err := s.link(ctx, name)
		if err != nil {
			return Opened{}, err
		}
		app, err := s.app(link.Jira)
		if err != nil {
			return Opened{}, err
		}
		// The state names the link. The verifier of PKCE is also what binds the attempt
		// to the browser: a code from elsewhere was issued for another verifier.
		now, verifier, state := s.options.Now().UTC(), oauth2.GenerateVerifier(), name.ID+"."+rand.Text()
		link.Attempts = append(link.Attempts, attempt{digest(state), digest(verifier), now})
		link.Attempts = link.Attempts[max(0, len(link.Attempts)-maxAttempts):]
		err = s.applyLink(ctx, storage.DocumentChange{
			DocumentName: name, Version: document.Version,
			Event: storage.Event{At: now, Action: "account_connect_opened", Name: token.OwnAccount, Owner: link.Owner, Actor: system},
		}, &link)
		if !errors.Is(err, storage.ErrConflict) {
			return Opened{app.ConsentURL(state, verifier), verifier, attemptLifetime}, err
		}
	}
	return Opened{}, errAttempt
}

// Return is what Jira and the browser send back after an owner was asked to consent.
type Return struct {
	// State and Code are Jira's; Refused is its error code instead of a code.
	State, Code, Refused string
	// Browser is the secret of the browser's cookie.
	Browser string
	Actor   storage.Actor
}

// Finish saves the account of an owner who has consented, once Jira says that it is the
// owner. It also returns the page from which the owner came, whether that succeeds or not,
// unless the attempt is unknown or there is no such page.
func (s *Set) Finish(ctx context.Context, back Return) (view View, from string, err error) {
	document, link, err := s.takeAttempt(ctx, back)
	if err != nil {
		return View{}, "", err
	}
	back.Actor.Name = token.Printable(link.Owner, maxUser) // Jira is about to confirm it
	view, err = s.finish(ctx, back, link)
	if err == nil {
		_ = s.endLink(ctx, document, link, back.Actor, "account_connected") // or it expires
	}
	return view, link.From, err
}

func (s *Set) finish(ctx context.Context, back Return, link connection) (View, error) {
	switch {
	case back.Refused == "access_denied":
		return View{}, LinkError{Text: "Nothing was connected: the consent was cancelled or denied. To try again, open the link again."}
	case back.Refused != "":
		return View{}, LinkError{Text: fmt.Sprintf("Nothing was connected: Jira answered %.40q. Open the link again, or tell an administrator of the gateway.", token.Printable(back.Refused, 40))}
	}
	return s.connect(ctx, Own(link.Owner, link.Jira), back)
}

// takeAttempt ends the attempt that the state and the browser belong to, so that neither
// can be used again, and returns its link.
func (s *Set) takeAttempt(ctx context.Context, back Return) (storage.Document, connection, error) {
	id, _, _ := strings.Cut(back.State, ".")
	name := storage.DocumentName{Kind: connectKind, ID: id}
	if len(id) != hex.EncodedLen(sha256.Size) || name.Check() != nil {
		return storage.Document{}, connection{}, errAttempt
	}
	for range attempts {
		document, link, err := s.link(ctx, name)
		if err != nil {
			return document, link, err
		}
		found := -1
		for i, a := range link.Attempts {
			if same(a.State, back.State) && same(a.Browser, back.Browser) && s.options.Now().Sub(a.At) < attemptLifetime {
				found = i
			}
		}
		if found < 0 {
			return document, link, errAttempt
		}
		link.Attempts = append(link.Attempts[:found:found], link.Attempts[found+1:]...)
		err = s.applyLink(ctx, storage.DocumentChange{
			DocumentName: name, Version: document.Version,
			Event: storage.Event{At: s.options.Now().UTC(), Action: "account_connect_returned", Name: token.OwnAccount, Owner: link.Owner, Actor: back.Actor},
		}, &link)
		if !errors.Is(err, storage.ErrConflict) {
			document.Version++
			return document, link, err
		}
	}
	return storage.Document{}, connection{}, errAttempt
}

func same(want []byte, secret string) bool {
	return subtle.ConstantTimeCompare(want, digest(secret)) == 1
}

// connect exchanges a code and saves the consent as the owner's own account.
func (s *Set) connect(ctx context.Context, ref Ref, back Return) (View, error) {
	app, err := s.app(ref.Jira)
	if err != nil {
		return View{}, err
	}
	at, ok := s.options.Jira(ref.Jira)
	if !ok {
		return View{}, fmt.Errorf("no gateway forwards to %s", ref.Jira)
	}
	tokens, err := app.Exchange(ctx, back.Code, back.Browser)
	if errors.As(err, new(jira.GrantRefusedError)) {
		return View{}, LinkError{Text: "Nothing was connected: Jira did not accept its own code, which may have expired. Open the link again."}
	}
	if err != nil {
		return View{}, err
	}
	view, err := s.saveConsent(ctx, ref, app, at, tokens, back.Actor)
	if err != nil && !app.Cloud {
		s.revoke(ctx, back.Actor, ref, app, tokens.Refresh)
	}
	return view, err
}

func (s *Set) saveConsent(ctx context.Context, ref Ref, app *jira.ConsentApp, at Jira, tokens jira.ConsentTokens, actor storage.Actor) (View, error) {
	if app.Cloud {
		err := app.CheckSite(ctx, at.Transport, at.URL, tokens.Access)
		if other, ok := errors.AsType[jira.OtherSiteError](err); ok {
			return View{}, LinkError{Text: fmt.Sprintf("Nothing was connected: you have granted access to another site than %s. Open the link again, and choose that site.", other.Site)}
		}
		if err != nil {
			return View{}, err
		}
	}
	document, old, err := s.read(ctx, ref)
	now := s.options.Now().UTC().Truncate(time.Second)
	r := record{AddedBy: actor, AddedAt: s.now()}
	action := ActionAdd
	switch {
	case errors.Is(err, token.ErrNotFound):
	case err != nil:
		return View{}, err
	case old == nil:
		return View{}, conflict("%s is damaged in the store: remove it with `caddy jira-token account remove %s`, and connect again", ref, ref.flags())
	default:
		r, action = *old, ActionReplace
		r.ReplacedBy, r.ReplacedAt = actor, s.now()
	}
	r.Target = Target{Owner: ref.Owner, Jira: at.URL, Kind: KindConsent, User: app.ClientID, TokenURL: app.TokenURL, Scoped: app.Cloud, APIURL: app.APIURL}
	identity, err := identify(ctx, r.account(ref.label(), jira.Bearer(tokens.Access), nil), at, Edit{Owner: ref.Owner})
	if err != nil {
		return View{}, err
	}
	s.validated(&r, identity)
	r.Grant = &grant{ID: rand.Text(), ConsentedAt: now, RefreshedAt: now, Generation: 1}
	r.ExpiresAt = r.Grant.expires(app.Cloud)
	secret, err := json.Marshal(tokens)
	if err != nil {
		return View{}, err
	}
	if err := s.seal(&r, ref, string(secret)); err != nil {
		return View{}, err
	}
	if err := s.apply(ctx, actor, action, ref, document.Version, old, &r); err != nil {
		return View{}, changedMeanwhile(ref, err)
	}
	if old != nil && (!app.Cloud || old.User != app.ClientID) {
		s.revokeOld(ctx, actor, ref, old)
	}
	return s.saved(ref, &r), nil
}
