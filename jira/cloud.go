package jira

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// DefaultAPIURL is where Jira Cloud's API is called by cloud ID.
const DefaultAPIURL = "https://api.atlassian.com"

// Cloud is a Jira Cloud site whose API is called by its cloud ID: the only way for
// scoped tokens and service accounts.
type Cloud struct {
	// Site is the site's URL; empty means the site behind the gateway.
	Site string
	// APIURL is the base URL for calls by cloud ID, such as DefaultAPIURL.
	APIURL string

	// bases caches a cloudBase per site URL. Cloud IDs never change; a failed
	// lookup is remembered for tenantRetry.
	bases   sync.Map
	lookups singleflight.Group
}

// cloudBase is the base URL of a site's API, or why it is unknown.
type cloudBase struct {
	url     string
	err     error
	retryAt time.Time
}

// tenantRetry is how long a failed lookup is not repeated.
const tenantRetry = 5 * time.Second

// cloudID matches anything that looks like a cloud ID (a UUID). Nothing else is
// put into a URL.
var cloudID = regexp.MustCompile(`^[0-9A-Za-z-]{8,64}$`)

// baseURL returns the address of the site's API. Concurrent callers share one
// lookup.
func (c *Cloud) baseURL(ctx context.Context, transport http.RoundTripper, site string) (string, error) {
	if c.Site != "" {
		site = c.Site
	}
	if known, ok := c.bases.Load(site); ok {
		base := known.(cloudBase)
		if base.err == nil || time.Now().Before(base.retryAt) {
			return base.url, base.err
		}
	}
	// The end of this request must not end the lookup for the others.
	background := context.WithoutCancel(ctx)
	found := c.lookups.DoChan(site, func() (any, error) {
		base := cloudBase{retryAt: time.Now().Add(tenantRetry)}
		id, err := tenantInfo(background, transport, site)
		base.url, base.err = c.APIURL+"/ex/jira/"+id, err
		c.bases.Store(site, base)
		return base.url, err
	})
	select {
	case result := <-found:
		return result.Val.(string), result.Err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// tenantInfo asks a site for its cloud ID, which needs no credentials.
func tenantInfo(ctx context.Context, transport http.RoundTripper, site string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	url := strings.TrimSuffix(site, "/") + "/_edge/tenant_info"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("asking %s for its cloud ID: %w", site, err)
	}
	defer response.Body.Close()
	var tenant struct {
		CloudID string `json:"cloudId"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&tenant)
	if response.StatusCode != http.StatusOK || err != nil || !cloudID.MatchString(tenant.CloudID) {
		return "", fmt.Errorf("%s does not return a cloud ID (HTTP %d): is it a Jira Cloud site?", url, response.StatusCode)
	}
	return tenant.CloudID, nil
}
