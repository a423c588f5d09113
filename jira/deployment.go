package jira

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// DeploymentCloud is what Jira Cloud calls itself.
const DeploymentCloud = "Cloud"

// deploymentTimeout bounds how long Deployments waits for a Jira.
const deploymentTimeout = 2 * time.Second

// Deployments remembers which product each Jira is. Its zero value knows none yet. It is safe
// for concurrent use.
type Deployments struct{ said sync.Map }

// IsCloud reports whether the Jira at site is Jira Cloud: if it is below atlassian.net, or says
// so. A site can have another address, or a proxy in front of it. What a Jira has said is not
// asked again; one that does not answer counts as none.
func (d *Deployments) IsCloud(ctx context.Context, transport http.RoundTripper, site string) bool {
	if parsed, err := url.Parse(site); err == nil && strings.HasSuffix(strings.ToLower(parsed.Hostname()), ".atlassian.net") {
		return true
	}
	if said, ok := d.said.Load(site); ok {
		return said == DeploymentCloud
	}
	ctx, cancel := context.WithTimeout(ctx, deploymentTimeout)
	defer cancel()
	said, err := deployment(ctx, transport, site)
	if err != nil {
		return false
	}
	d.said.Store(site, said)
	return said == DeploymentCloud
}

// deployment asks the Jira at site, without credentials, which product it is: Cloud, Server
// or Data Center.
func deployment(ctx context.Context, transport http.RoundTripper, site string) (string, error) {
	var server struct {
		DeploymentType string `json:"deploymentType"`
	}
	err := (Asker{Transport: transport, URL: site}).get(ctx, "/rest/api/2/serverInfo", &server)
	return server.DeploymentType, err
}
