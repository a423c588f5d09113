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
)

// DefaultAPIURL is where Jira Cloud's API is called by cloud id.
const DefaultAPIURL = "https://api.atlassian.com"

// Cloud is a site of Jira Cloud whose API is called by its cloud id: the only
// way for scoped tokens and service accounts.
type Cloud struct {
	// Site is the site's URL; empty for the one that the gateway is in front
	// of.
	Site string
	// APIURL is what the cloud id is called at, such as DefaultAPIURL.
	APIURL string

	mu sync.Mutex
	// bases are the base URLs found so far, by site: cloud ids never change.
	bases map[string]string
}

// cloudID is what a cloud id looks like: a UUID. Anything else is not put into
// a URL.
var cloudID = regexp.MustCompile(`^[0-9A-Za-z-]{8,64}$`)

// baseURL returns the API's address of the site. It is looked up once.
func (c *Cloud) baseURL(ctx context.Context, transport http.RoundTripper, site string) (string, error) {
	if c.Site != "" {
		site = c.Site
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if base, ok := c.bases[site]; ok {
		return base, nil
	}
	id, err := tenantInfo(ctx, transport, site)
	if err != nil {
		return "", err
	}
	base := c.APIURL + "/ex/jira/" + id
	if c.bases == nil {
		c.bases = make(map[string]string)
	}
	c.bases[site] = base
	return base, nil
}

// tenantInfo asks a site for its cloud id, which needs no credentials.
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
		return "", fmt.Errorf("asking %s for its cloud id: %w", site, err)
	}
	defer response.Body.Close()
	var tenant struct {
		CloudID string `json:"cloudId"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&tenant)
	if response.StatusCode != http.StatusOK || err != nil || !cloudID.MatchString(tenant.CloudID) {
		return "", fmt.Errorf("%s answers no cloud id (HTTP %d): is it a site of Jira Cloud?", url, response.StatusCode)
	}
	return tenant.CloudID, nil
}
