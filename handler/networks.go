package handler

import (
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// networks is the step that checks whether the client's address may use this
// gateway and this token, and whether the policy lets the owner's tokens work from
// there.
func (h *Handler) networks(_ *http.Request, d *Decision) *denial {
	byPolicy := d.Record.Exempt != "" || d.rights.Permits(d.Address)
	if h.permitted.Permits(d.Address) && d.Record.Networks.Permits(d.Address) && byPolicy {
		return nil
	}
	switch {
	case d.unread != nil:
		return deny(ReasonNetworkDenied, "This API token only works from certain networks, and the proxy sent a client address that cannot be parsed: "+d.unread.String()+".")
	case !d.Address.IsValid():
		return deny(ReasonNetworkDenied, "This API token only works from certain networks, and the client's address is unknown.")
	}
	return deny(ReasonNetworkDenied, "This API token does not work from address "+d.Address.String()+".")
}

// restricts reports whether the gateway, the token or the policy restricts client
// addresses.
func (h *Handler) restricts(record *token.Record) bool {
	if !h.permitted.IsZero() || !record.Networks.IsZero() {
		return true
	}
	return record.Exempt == "" && h.app.Standing(record).Rights.Networks() != ""
}

// unaskedNetworks answers for Explain if the question gives no address.
func (h *Handler) unaskedNetworks(d *Decision) string {
	switch {
	case d.Address.IsValid():
		return ""
	case h.restricts(d.Record):
		return "it only works from certain networks: give an address to check this"
	}
	return "it works from anywhere"
}

func foundNetworks(_ *Handler, _ *http.Request, d *Decision) string {
	return "it works from " + d.Address.String()
}

// parseRanges parses allow_ip and deny_ip. Names such as private_ranges must have
// been expanded.
func parseRanges(allow, deny []string) (n token.Networks, err error) {
	if n.Allow, err = token.ParseNetworks(allow); err != nil {
		return n, err
	}
	n.Deny, err = token.ParseNetworks(deny)
	return n, err
}
