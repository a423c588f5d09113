package handler

import (
	"encoding/json"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// affinityCookie returns the name of the cookie by which a proxy's lb_policy
// cookie picks an upstream; empty for other policies.
func affinityCookie(proxy *reverseproxy.Handler) (string, error) {
	if proxy.LoadBalancing == nil || proxy.LoadBalancing.SelectionPolicyRaw == nil {
		return "", nil
	}
	var policy struct {
		Policy string `json:"policy"`
		Name   string `json:"name"`
	}
	if err := json.Unmarshal(proxy.LoadBalancing.SelectionPolicyRaw, &policy); err != nil {
		return "", err
	}
	switch {
	case policy.Policy != "cookie":
		return "", nil
	case policy.Name == "":
		return "lb", nil // reverse_proxy's own default
	}
	return policy.Name, nil
}

// keepAffinity lets the proxy see the cookie by which it picks an upstream, and
// no other. The transport takes it out again.
func (h *Handler) keepAffinity(out http.Header, r *http.Request) {
	if h.AffinityCookie == "" {
		return
	}
	if cookie, err := r.Cookie(h.AffinityCookie); err == nil {
		out["Cookie"] = []string{cookie.Name + "=" + cookie.Value}
	}
}
