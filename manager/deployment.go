package manager

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// deploymentTimeout bounds how long a page waits for a Jira to say which product it is.
const deploymentTimeout = 2 * time.Second

// isCloud reports whether all gateways are in front of Jira Cloud.
func (h *Handler) isCloud(ctx context.Context) bool {
	for _, upstream := range h.app.Jiras() {
		if !h.isCloudAt(ctx, accounts.Jira{URL: upstream.URL, Transport: upstream.Transport}) {
			return false
		}
	}
	return len(h.app.Jiras()) > 0
}

// isCloudAt reports whether a Jira is Jira Cloud: if it is below atlassian.net, or says so. A
// site can have another address, or a proxy in front of it. What a Jira has said is not asked
// again.
func (h *Handler) isCloudAt(ctx context.Context, upstream accounts.Jira) bool {
	if site, err := url.Parse(upstream.URL); err == nil && strings.HasSuffix(strings.ToLower(site.Hostname()), ".atlassian.net") {
		return true
	}
	if said, ok := h.deployments.Load(upstream.URL); ok {
		return said == jira.DeploymentCloud
	}
	ctx, cancel := context.WithTimeout(ctx, deploymentTimeout)
	defer cancel()
	said, err := jira.Deployment(ctx, upstream.Transport, upstream.URL)
	if err != nil {
		return false
	}
	h.deployments.Store(upstream.URL, said)
	return said == jira.DeploymentCloud
}
