package jiratokens

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/registry/facts"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// GroupsFrom says where the groups of owners come from, besides the configured ones.
type GroupsFrom struct {
	// Asks Jira which groups the owners of tokens are in, and whether they are still
	// active. The tokens of owners who are not, or who do not exist in Jira, are
	// suspended. Default: Jira is not asked
	Jira *GroupsFromJira `json:"jira,omitempty"`

	// Believes what identity providers say about the groups of people who sign in to
	// the token manager (groups_claim, or groups of a placeholder). Default: they give
	// no rights
	SignIn *GroupsFromSignIn `json:"sign_in,omitempty"`
}

// GroupsFromSignIn configures groups from identity providers.
type GroupsFromSignIn struct {
	// How long what a provider said about somebody is believed, counted from when that
	// person last signed in. After that, these groups give no rights until the person
	// signs in again. Default: `30d`
	Keep caddy.Duration `json:"keep,omitempty"`
}

// minSignInKeep is the shortest time that groups from a sign-in are believed: a session
// lasts as long, at most.
const minSignInKeep = 12 * time.Hour

// signIns keeps what identity providers say about owners, for one configuration.
type signIns struct {
	*facts.SignIns

	start   context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

// hasGroupsFromSignIn reports whether groups come from identity providers.
func (a *App) hasGroupsFromSignIn() bool { return a.GroupsFrom != nil && a.GroupsFrom.SignIn != nil }

// provisionSignIns prepares believing identity providers, if that is configured.
func (a *App) provisionSignIns(ctx caddy.Context, directory *registry.Directory) error {
	if !a.hasGroupsFromSignIn() {
		return nil
	}
	config := a.GroupsFrom.SignIn
	if config.Keep == 0 {
		config.Keep = caddy.Duration(30 * 24 * time.Hour)
	}
	if config.Keep < caddy.Duration(minSignInKeep) {
		return fmt.Errorf("groups_from sign_in: invalid keep %s: expected at least %s", time.Duration(config.Keep), minSignInKeep)
	}
	kept := facts.NewSignIns(a.tokens.Store, a.tokens.Mirror(facts.KindSignIn), directory, time.Duration(config.Keep), a.logger)
	start, end := context.WithCancel(ctx)
	a.signIns = &signIns{SignIns: kept, start: start, end: end}
	return nil
}

// startSignIns reads what is known about sign-ins, and follows it.
func (a *App) startSignIns() {
	if a.signIns == nil {
		return
	}
	ctx, cancel := context.WithTimeout(a.signIns.start, readyTimeout)
	defer cancel()
	if err := a.signIns.Ready(ctx); err != nil {
		a.logger.Warn("the groups of people who have signed in cannot be read from the store yet: until then, they give no rights", zap.Error(err))
	}
	a.signIns.running.Go(func() { a.signIns.Run(a.signIns.start) })
}

// stop ends following sign-ins. It can be called several times.
func (s *signIns) stop() {
	if s == nil {
		return
	}
	s.end()
	s.running.Wait()
	s.Close()
}

// SignIns returns what keeps the groups of people who sign in; nil if identity providers
// are not believed.
func (a *App) SignIns() *facts.SignIns {
	if a.signIns == nil {
		return nil
	}
	return a.signIns.SignIns
}

// GroupsFromJira configures how Jira is asked for the groups of owners.
type GroupsFromJira struct {
	// How often Jira is asked about all owners of tokens. One Caddy instance asks
	// for all that share the store. Default: `1h`
	Interval caddy.Duration `json:"interval,omitempty"`

	// How long what Jira said is believed while Jira does not answer. After that,
	// groups in Jira give no rights until Jira answers again; owners who were
	// inactive remain so. Default: `24h`
	Keep caddy.Duration `json:"keep,omitempty"`

	// The account that asks. On Jira Cloud, it needs the global permission "Browse
	// users and groups". Default: `default`
	Account string `json:"account,omitempty"`

	// The URL of the Jira to ask, as in its gateway. It is only needed if the
	// gateways forward to several Jiras. Default: the Jira that the gateways forward
	// to
	URL string `json:"url,omitempty"`
}

// people keeps what Jira says about owners, for one configuration.
type people struct {
	*facts.Keeper
	config *GroupsFromJira

	start   context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

// hasGroupsFromJira reports whether groups come from Jira.
func (a *App) hasGroupsFromJira() bool { return a.GroupsFrom != nil && a.GroupsFrom.Jira != nil }

// provisionPeople prepares asking Jira for groups, if that is configured.
func (a *App) provisionPeople(ctx caddy.Context, directory *registry.Directory) error {
	if !a.hasGroupsFromJira() {
		return nil
	}
	config := a.GroupsFrom.Jira
	if err := config.setDefaults(); err != nil {
		return fmt.Errorf("groups_from jira: %w", err)
	}
	if !a.mayHaveAccount(config.Account) {
		return fmt.Errorf("groups_from jira: account %q is not configured: add `account %s { … }` to jira_tokens, or name another with `account <name>`", config.Account, config.Account)
	}
	keeper := facts.New(a.tokens.Store, a.tokens, a.registry, directory, facts.Options{
		Interval: time.Duration(config.Interval), Keep: time.Duration(config.Keep),
	}, a.logger)
	start, end := context.WithCancel(ctx)
	a.people = &people{Keeper: keeper, config: config, start: start, end: end}
	a.registry.Follow(keeper)
	return nil
}

func (g *GroupsFromJira) setDefaults() error {
	if g.Interval == 0 {
		g.Interval = caddy.Duration(time.Hour)
	}
	if g.Keep == 0 {
		g.Keep = caddy.Duration(24 * time.Hour)
	}
	if g.Account == "" {
		g.Account = token.DefaultAccount
	}
	switch {
	case g.Interval < caddy.Duration(time.Second):
		return fmt.Errorf("invalid interval %s: expected at least 1s", time.Duration(g.Interval))
	case g.Keep < g.Interval:
		return fmt.Errorf("invalid keep %s: expected at least the interval, %s", time.Duration(g.Keep), time.Duration(g.Interval))
	}
	return nil
}

// readyTimeout bounds how long Start waits for what the store knows about owners.
const readyTimeout = 5 * time.Second

// startPeople begins to ask Jira for groups.
func (a *App) startPeople() error {
	if a.people == nil {
		return nil
	}
	upstream, err := a.people.jiraToAsk(a.jiras, !a.Configured(a.people.config.Account))
	switch {
	case errors.Is(err, errNoJira):
		a.logger.Warn("groups_from jira: this configuration has no jira_gateway, so only other Caddy instances can ask Jira for groups")
	case err != nil:
		return fmt.Errorf("groups_from jira: %w", err)
	default:
		a.people.Ask(upstream.URL, replacing{upstream.Transport}, func(ctx context.Context) (*jira.Account, error) {
			account, err := a.Account(ctx, a.people.config.Account)
			if err == nil && !upstream.Takes(account) {
				err = jira.ErrOtherJira
			}
			if err != nil {
				return nil, fmt.Errorf("account %s: %w", a.people.config.Account, err)
			}
			return account, nil
		})
	}
	ctx, cancel := context.WithTimeout(a.people.start, readyTimeout)
	defer cancel()
	if err := a.people.Ready(ctx); err != nil {
		a.logger.Warn("the groups of owners cannot be read from the store yet: until then, groups in Jira give no rights", zap.Error(err))
	}
	a.people.running.Go(func() { a.people.Run(a.people.start) })
	return nil
}

// stop ends asking Jira. It can be called several times.
func (p *people) stop() {
	if p == nil {
		return
	}
	p.end()
	p.running.Wait()
	p.Close()
}

var errNoJira = errors.New("there is no Jira to ask")

// jiraToAsk returns the Jira to ask for groups.
// A stored account is only for one Jira, but is not known yet.
func (p *people) jiraToAsk(jiras []handler.Jira, stored bool) (handler.Jira, error) {
	if len(jiras) == 0 {
		return handler.Jira{}, errNoJira
	}
	var urls []string
	var fitting []handler.Jira
	for _, upstream := range jiras {
		isUpstream := func(url string) bool { return jira.SameURL(url, upstream.URL) }
		if slices.ContainsFunc(urls, isUpstream) {
			continue // several gateways can share a Jira
		}
		if stored || len(upstream.Accounts) == 0 || slices.Contains(upstream.Accounts, p.config.Account) {
			urls = append(urls, upstream.URL)
			if p.config.URL == "" || isUpstream(p.config.URL) {
				fitting = append(fitting, upstream)
			}
		}
	}
	switch {
	case len(fitting) == 1:
		return fitting[0], nil
	case len(fitting) > 1:
		return handler.Jira{}, fmt.Errorf("the gateways forward to several Jiras: name one with `jira <url>`: %s", strings.Join(urls, " or "))
	case len(urls) == 0:
		return handler.Jira{}, fmt.Errorf("no gateway uses the account %s: name another with `account <name>`", p.config.Account)
	}
	return handler.Jira{}, fmt.Errorf("no gateway forwards to %s with the account %s: expected %s", p.config.URL, p.config.Account, strings.Join(urls, " or "))
}

// GroupsHealth says whether Jira tells the groups of owners. It returns nil if Jira is
// not asked.
func (a *App) GroupsHealth() *facts.Health {
	if a.people == nil {
		return nil
	}
	health := a.people.Health()
	return &health
}

// unmarshalGroupsFrom reads the option groups_from.
func (a *App) unmarshalGroupsFrom(d *caddyfile.Dispenser) error {
	if a.GroupsFrom == nil {
		a.GroupsFrom = new(GroupsFrom)
	}
	var source string
	d.Args(&source)
	switch {
	case source == "jira" && a.GroupsFrom.Jira == nil:
		config := new(GroupsFromJira)
		a.GroupsFrom.Jira = config
		return option.Block{
			option.Duration("interval", &config.Interval),
			option.Duration("keep", &config.Keep),
			option.Text("account", &config.Account),
			option.Text("jira", &config.URL),
		}.Read(d, "groups_from jira")
	case source == "sign_in" && a.GroupsFrom.SignIn == nil:
		config := new(GroupsFromSignIn)
		a.GroupsFrom.SignIn = config
		return option.Block{option.Duration("keep", &config.Keep)}.Read(d, "groups_from sign_in")
	case source == "jira" || source == "sign_in":
		return d.Errf("groups_from %s: there are two: write one", source)
	}
	return d.Err("groups_from: expected jira, as in groups_from jira { interval 1h }, or sign_in, as in groups_from sign_in { keep 30d }")
}
