package jiratokens

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/notice/due"
	"github.com/jiratokens/caddy-jira-tokens/notice/post"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Notices configures the gateway's notices and who gets them. Every notice is also a
// Caddy event, with its type as the name, and a log line of the logger
// `jira_tokens.notice`.
type Notices struct {
	// How long before their end tokens and accounts are reported, at most 10 times of at
	// least 1 second. Each is reported once, over all Caddy instances that share the
	// store. Default: `30d`, `14d`, `7d` and `1d`
	Before []caddy.Duration `json:"before,omitempty"`

	// How long a token is unused before it is reported, once. A token that was never
	// used counts from its creation. Default: unused tokens are not reported
	UnusedAfter caddy.Duration `json:"unused_after,omitempty"`

	// Whether tokens that are unused for that long are disabled. Default: `false`
	DisableUnused bool `json:"disable_unused,omitempty"`

	// Who gets notices over HTTP, at most 10. Default: nobody
	Webhooks []*Webhook `json:"webhooks,omitempty"`
}

// Webhook is a URL that gets notices as CloudEvents, at least once each.
type Webhook struct {
	// The URL to send notices to. Supports placeholders, such as `{env.HOOK_URL}`: what
	// comes after the host may be a secret, and is not shown.
	URL string `json:"url"`

	// What identifies the webhook in the log, metrics and the store. Notices that wait
	// for it are kept under this name. Default: the host and port of the URL
	Name string `json:"name,omitempty"`

	// The secrets that sign each notice, as in Standard Webhooks: `whsec_` and 24 to 64
	// bytes in base64. Several sign it several times, so that a secret can be replaced.
	// Support placeholders. Default: notices are not signed
	Secrets []string `json:"secrets,omitempty"`

	// The types of notices to send, such as `jira_tokens.token.expiring`, or the
	// beginning of some with `*`. The prefix `jira_tokens.` can be left out.
	// Default: all
	Events []string `json:"events,omitempty"`

	// Headers to send, such as Authorization. Values support placeholders.
	// Default: none
	Headers http.Header `json:"headers,omitempty"`
}

// The defaults and limits of Notices.
var defaultBefore = []caddy.Duration{
	caddy.Duration(30 * 24 * time.Hour), caddy.Duration(14 * 24 * time.Hour),
	caddy.Duration(7 * 24 * time.Hour), caddy.Duration(24 * time.Hour),
}

const (
	maxBefore   = 10
	maxWebhooks = 10
	latestSpan  = 10 * 366 * 24 * time.Hour
)

// notices publishes and finds notices for one configuration.
type notices struct {
	*post.Office
	watch  *due.Watch
	ctx    caddy.Context
	events *caddyevents.App
	logger *zap.Logger

	mu      sync.Mutex
	start   context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

// provisionNotices prepares finding and publishing notices.
func (a *App) provisionNotices(ctx caddy.Context) error {
	a.registry.OnPending(func(record *token.Record) { a.Notify(due.TokenPending(record, a.PublicAddress())) })
	app, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("loading the events app: %w", err)
	}
	config := new(Notices)
	if a.Notices != nil {
		config = a.Notices
	}
	before, err := config.before()
	if err != nil {
		return err
	}
	receivers, err := config.receivers()
	if err != nil {
		return err
	}
	n := &notices{ctx: ctx, events: app.(*caddyevents.App), logger: a.logger.Named("notice")}
	n.start, n.end = context.WithCancel(ctx)
	source := strings.TrimSuffix(a.PublicURL, "/")
	metrics := a.tokens.Store.Metrics
	n.Office = post.New(post.Options{
		Store: a.tokens.Store, Mirror: a.tokens.Mirror(post.KindReceiver), Receivers: receivers,
		Source: sourceOr(source), Local: n.emit, Counted: metrics.Noticed, Logger: n.logger, Now: time.Now,
	})
	n.watch = due.New(due.Options{
		Store: a.tokens.Store, Counter: a.tokens.Store.ExpiryCounter(), LastUses: a.tokens.Store.UseLog.Last,
		Accounts: a.expiringAccounts, Publish: n.PublishPatiently, Forget: n.Forget, Disable: a.registry.DisableUnused,
		Counted: func(counts map[time.Duration]int) {
			for within, n := range counts {
				metrics.Expiring(token.FormatSpan(within), n)
			}
		},
		Before: before, UnusedAfter: time.Duration(config.UnusedAfter), DisableUnused: config.DisableUnused,
		PublicURL: source, Logger: n.logger, Now: time.Now,
	})
	a.notices = n
	return nil
}

// sourceOr returns the source of CloudEvents, which must not be empty.
func sourceOr(publicURL string) string {
	if publicURL == "" {
		return "urn:caddy-jira-tokens"
	}
	return publicURL
}

// before returns how long before their end tokens are reported, longest first.
func (n *Notices) before() ([]time.Duration, error) {
	configured := n.Before
	if len(configured) == 0 {
		configured = defaultBefore
	}
	var before []time.Duration
	for _, d := range configured {
		if d := time.Duration(d); d < time.Second || d > latestSpan {
			return nil, fmt.Errorf("notify before: invalid time %s: expected at least 1s and at most 10 years", d)
		}
		before = append(before, time.Duration(d))
	}
	slices.SortFunc(before, func(a, b time.Duration) int { return int(min(max(b-a, -1), 1)) })
	before = slices.Compact(before)
	switch {
	case len(before) > maxBefore:
		return nil, fmt.Errorf("notify before: too many times: got %d, expected at most %d", len(before), maxBefore)
	case n.UnusedAfter != 0 && (time.Duration(n.UnusedAfter) < time.Second || time.Duration(n.UnusedAfter) > latestSpan):
		return nil, fmt.Errorf("unused_after: invalid time %s: expected at least 1s and at most 10 years", time.Duration(n.UnusedAfter))
	case n.UnusedAfter == 0 && n.DisableUnused:
		return nil, errors.New("disable_unused: missing unused_after: add it, such as unused_after 90d")
	}
	return before, nil
}

// receivers returns the webhooks. Its errors contain no secret.
func (n *Notices) receivers() ([]*post.Receiver, error) {
	if len(n.Webhooks) > maxWebhooks {
		return nil, fmt.Errorf("notify webhook: too many webhooks: got %d, expected at most %d", len(n.Webhooks), maxWebhooks)
	}
	var receivers []*post.Receiver
	seen := make(map[string]bool)
	for i, webhook := range n.Webhooks {
		r, err := webhook.receiver()
		if err != nil {
			return nil, fmt.Errorf("notify webhook %d: %w", i+1, err)
		}
		if seen[r.Name] {
			return nil, fmt.Errorf("notify webhook: two webhooks are called %s: give one of them another name", r.Name)
		}
		seen[r.Name] = true
		receivers = append(receivers, r)
	}
	return receivers, nil
}

func (w *Webhook) receiver() (*post.Receiver, error) {
	repl := caddy.NewReplacer()
	replaced := func(what, text string) (string, error) {
		value, err := repl.ReplaceOrErr(text, true, true)
		if err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		return value, nil
	}
	options := post.ReceiverOptions{Name: w.Name, Events: w.Events, Header: make(http.Header)}
	var err error
	if options.URL, err = replaced("url", w.URL); err != nil {
		return nil, err
	}
	for _, text := range w.Secrets {
		secret, err := replaced("secret", text)
		if err != nil {
			return nil, err
		}
		options.Secrets = append(options.Secrets, secret)
	}
	for name, values := range w.Headers {
		for _, text := range values {
			value, err := replaced("header "+name, text)
			if err != nil {
				return nil, err
			}
			options.Header.Add(name, value)
		}
	}
	return post.NewReceiver(options)
}

// startNotices begins to find and deliver notices.
func (a *App) startNotices() {
	a.notices.running.Go(func() { a.notices.Run(a.notices.start) })
	a.notices.running.Go(func() { a.notices.watch.Run(a.notices.start) })
}

// stop ends finding and delivering notices. It can be called several times.
func (n *notices) stop() {
	if n == nil {
		return
	}
	n.mu.Lock() // see Notify
	n.end()
	n.mu.Unlock()
	n.running.Wait()
}

// Notify implements notice.Publisher.
func (a *App) Notify(n notice.Notice) {
	a.notices.mu.Lock()
	defer a.notices.mu.Unlock()
	if a.notices.start.Err() == nil {
		a.notices.Office.Notify(n)
		return
	}
	// A late request of a configuration that has been replaced.
	a.tokens.Go(func(ctx context.Context) {
		if _, err := a.notices.Publish(ctx, n); err != nil {
			a.logger.Error("a notice was not published", zap.String("type", n.Type), zap.Error(err))
		}
	})
}

// emit emits a notice as a Caddy event and logs it.
func (n *notices) emit(told notice.Notice) {
	n.logger.Info(told.Sentence, zap.String("type", told.Type), zap.String("subject", told.Subject), zap.String("id", told.ID), zap.Any("data", told.Data))
	n.events.Emit(n.ctx, told.Type, told.Fields())
}

// Notifications returns what delivers notices.
func (a *App) Notifications() *post.Office { return a.notices.Office }

// expiringAccounts returns the accounts with an expiry.
func (a *App) expiringAccounts() []due.Account {
	var expiring []due.Account
	for _, view := range a.accounts.Known() {
		if view.ExpiresAt == nil || view.Hidden {
			continue
		}
		since := view.AddedAt
		if view.ReplacedAt.After(since) {
			since = view.ReplacedAt
		}
		id := view.Name
		if view.Owner != "" {
			id += ":" + view.Owner + "@" + view.Jira
		}
		expiring = append(expiring, due.Account{ID: id, Name: view.Name, Owner: view.Owner, Jira: view.Jira, ExpiresAt: *view.ExpiresAt, Since: since})
	}
	return expiring
}

// notifyAccount publishes that Jira no longer accepts an account, or accepts it again. Each
// gateway finds that out by itself: one notice an hour is enough.
func (a *App) notifyAccount(ctx context.Context, account *jira.Account, site string, refused error) {
	at := time.Now()
	told := func(kind string, at time.Time) notice.Notice {
		return notice.Notice{
			Type: kind, Subject: "accounts/" + account.Name(), Data: map[string]any{"account": account.Name(), "jira": site},
			Once: account.Name() + " " + site + " " + at.UTC().Format("2006-01-02T15"), Until: at.Add(2 * time.Hour),
		}
	}
	n, over := told(notice.AccountRecovered, at), notice.AccountFailing
	n.Sentence = fmt.Sprintf("Jira at %s accepts the account %s again.", site, account.Name())
	if refused != nil {
		n, over = told(notice.AccountFailing, at), notice.AccountRecovered
		n.Sentence = fmt.Sprintf("Jira at %s does not accept the account %s: requests with its tokens are refused. Check or replace its credential.", site, account.Name())
		n.Data["reason"] = refused.Error()
	}
	for _, earlier := range []time.Time{at, at.Add(-time.Hour)} {
		if _, err := a.notices.Clear(ctx, told(over, earlier)); err != nil {
			break // an outage, which has its own log line
		}
	}
	a.Notify(n)
}

// Interface guard
var _ notice.Publisher = (*App)(nil)
