package handler

import (
	"encoding/json"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// affinityCookie returns the name of the cookie that the proxy's lb_policy uses to
// pick an upstream; "" for policies other than cookie.
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

// keepAffinity passes the proxy the cookie that picks an upstream, and no other.
// The transport removes it again.
func (h *Handler) keepAffinity(out http.Header, r *http.Request) {
	if h.AffinityCookie == "" {
		return
	}
	if cookie, err := r.Cookie(h.AffinityCookie); err == nil {
		out["Cookie"] = []string{cookie.Name + "=" + cookie.Value}
	}
}
