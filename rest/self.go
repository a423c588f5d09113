package rest

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func (a *API) showSelf() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodGet, Path: version + "self", Needs: handler.NeedsToken,
		Does: "tells the token's holder what the token may do and when it ends",
		Serve: func(w http.ResponseWriter, _ *http.Request, call handler.Call) error {
			return reply(w, http.StatusOK, a.selfOf(call))
		},
	}
}

// self is what the holder of a token may know about it. Fields have the names that they
// have in the admin API.
type self struct {
	ID      string      `json:"id"`
	Owner   string      `json:"owner"`
	Name    string      `json:"name"`
	Kind    string      `json:"kind"`
	Scope   token.Scope `json:"scope"`
	Account string      `json:"account"`
	State   token.State `json:"state"`

	// Confine is what the token itself may see; GatewayConfine, what any token may see
	// through this gateway.
	Confine        *token.Confinement `json:"confine"`
	GatewayConfine *token.Confinement `json:"gateway_confine,omitempty"`

	// Address is the client's, as the gateway sees it; empty if it is unknown.
	Address  string       `json:"address"`
	Networks selfNetworks `json:"networks"`
	Limits   selfLimits   `json:"limits"`

	CreatedAt time.Time  `json:"created_at"`
	NotBefore *time.Time `json:"not_before"`
	ExpiresAt *time.Time `json:"expires_at"`
	RotatedAt *time.Time `json:"rotated_at"`
	// Secret says whether the request used the current secret or the one before the
	// last rotation, and until when that one works.
	Secret   string   `json:"secret"`
	AtExpiry atExpiry `json:"at_expiry"`

	// SecretUntil is when the previous secret stops working.
	SecretUntil *time.Time `json:"secret_until,omitempty"`
}

// The values of self.Secret.
const (
	secretCurrent  = "current"
	secretPrevious = "previous"
)

// selfNetworks are the networks that the token works from: those that everybody allows
// and nobody denies.
type selfNetworks struct {
	AllowIP []netip.Prefix `json:"allow_ip"`
	DenyIP  []netip.Prefix `json:"deny_ip"`
	// PolicyAllowIP is what the policy allows the owner; empty means all.
	PolicyAllowIP  []string       `json:"policy_allow_ip"`
	GatewayAllowIP []netip.Prefix `json:"gateway_allow_ip"`
	GatewayDenyIP  []netip.Prefix `json:"gateway_deny_ip"`
}

// selfLimits are the limits that apply to the token, its own or the gateway's. A nil
// limit means that there is none.
type selfLimits struct {
	Rate *selfLimit `json:"rate"`
	// Writes limits the requests that change something in Jira.
	Writes *selfLimit `json:"writes"`
	// InFlight limits the requests in flight, counting this one.
	InFlight *selfLimit `json:"in_flight"`
}

// selfLimit is a limit, and how many requests it allows right now.
type selfLimit struct {
	Limit any `json:"limit"`
	Left  int `json:"left"`
}

// atExpiry is what to do before the token ends.
type atExpiry struct {
	Message string `json:"message"`
	// Rotate is the URL to POST to for a new secret.
	Rotate string `json:"rotate,omitempty"`
	// Ask is who can give the token a later expiry.
	Ask string `json:"ask,omitempty"`
}

func (a *API) selfOf(call handler.Call) self {
	record := call.Record
	s := self{
		ID: record.ID, Owner: record.Owner, Name: record.Name, Kind: record.Kind.String(), Scope: record.Scope,
		Account: record.Account, State: record.State(call.At),
		Confine: confinementOf(record.Confine), GatewayConfine: confinementOf(call.Here.Confine),
		Networks:  a.networksOf(call),
		Limits:    limitsOf(a.Limits, record),
		CreatedAt: record.CreatedAt.UTC(), NotBefore: timestamp(record.NotBefore), ExpiresAt: timestamp(record.ExpiresAt), RotatedAt: timestamp(record.RotatedAt),
		Secret:   secretCurrent,
		AtExpiry: a.atExpiryOf(call),
	}
	if call.Address.IsValid() {
		s.Address = call.Address.String()
	}
	if record.Replaced(call.Presented.Digest()) {
		s.Secret, s.SecretUntil = secretPrevious, timestamp(record.PreviousUntil)
	}
	return s
}

func confinementOf(c token.Confinement) *token.Confinement {
	if c.IsZero() {
		return nil
	}
	return &c
}

func (a *API) networksOf(call handler.Call) selfNetworks {
	n := selfNetworks{
		AllowIP: listed(call.Record.Networks.Allow), DenyIP: listed(call.Record.Networks.Deny), PolicyAllowIP: []string{},
		GatewayAllowIP: listed(call.Here.Networks.Allow), GatewayDenyIP: listed(call.Here.Networks.Deny),
	}
	if call.Record.Exempt != "" {
		return n
	}
	if networks := a.Registry.Standing(call.Record).Rights.Networks(); networks != "" {
		n.PolicyAllowIP = strings.Split(networks, ", ")
	}
	return n
}

// listed returns list, which in JSON is never null.
func listed(list []netip.Prefix) []netip.Prefix {
	if list == nil {
		return []netip.Prefix{}
	}
	return list
}

func limitsOf(l *limits.Limits, record *token.Record) (s selfLimits) {
	if rate := l.RateOf(record); rate != (token.Limit{}) {
		s.Rate = &selfLimit{rate, l.Left(record)}
	}
	if writes := l.WritesOf(record); writes != (token.Limit{}) {
		s.Writes = &selfLimit{writes, l.WritesLeft(record)}
	}
	if most := l.ConcurrencyOf(record); most > 0 {
		s.InFlight = &selfLimit{most, max(0, most-l.InFlight(record))}
	}
	return s
}

// askForMore says who can do what a token's holder cannot. It names nobody: who is
// responsible for a token is not for its holder to know.
const askForMore = "whoever gave you the token, or an administrator of the gateway"

func (a *API) atExpiryOf(call handler.Call) atExpiry {
	expiry := atExpiry{Rotate: a.urlOf(call, version+"self/rotate"), Ask: askForMore}
	switch record := call.Record; {
	case record.Replaced(call.Presented.Digest()):
		expiry.Message = "This secret was replaced and stops working at " + record.PreviousUntil.UTC().Format(time.RFC3339) + ". Use the new one."
	case record.Exchanged():
		expiry.Rotate, expiry.Ask = "", ""
		expiry.Message = "The token stops working at " + record.ExpiresAt.UTC().Format(time.RFC3339) + " and cannot be rotated. Exchange another JWT for another token."
	case record.ExpiresAt.IsZero():
		expiry.Message = "The token has no end. Rotate it from time to time: POST to the URL in rotate."
	default:
		expiry.Message = "The token stops working at " + record.ExpiresAt.UTC().Format(time.RFC3339) + ". Rotating it changes its secret, not this time: " +
			"for a later end or a new token, ask " + askForMore + "."
	}
	return expiry
}
