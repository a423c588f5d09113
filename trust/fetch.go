package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// fetchTimeout bounds discovery and the download of keys together.
	fetchTimeout = 10 * time.Second
	// maxAnswer is the maximum size of a document of an issuer. That of Microsoft's
	// keys, the longest one known, has about 20 kB.
	maxAnswer    = 512 << 10
	maxKeys      = 100
	maxRedirects = 3
	maxTokenFile = 64 << 10
)

// fetch returns the issuer's keys.
func (s Source) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	data, err := s.download(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("the key set: %w", err)
	}
	return keys, nil
}

// download returns the issuer's key set.
func (s Source) download(ctx context.Context) ([]byte, error) {
	if s.JWKS != "" && !s.isURL() {
		return readFile(s.JWKS, maxAnswer)
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	from := s.JWKS
	if from == "" {
		if from, err = s.discover(ctx, client); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d%s", from, response.StatusCode, s.hint(response.StatusCode))
	}
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", from, err)
	}
	return data, nil
}

// hint says what may help if the issuer refuses to show its keys.
func (s Source) hint(status int) string {
	if (status == http.StatusUnauthorized || status == http.StatusForbidden) && s.JWKS == "" {
		return ": set jwks and token_file if it needs authentication, as Kubernetes does"
	}
	return ""
}

// discover returns the URL of the issuer's keys. It fails if the document is for another
// issuer.
func (s Source) discover(ctx context.Context, client *http.Client) (string, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, client), s.Issuer)
	if err != nil {
		// The library's error can contain the whole response.
		return "", fmt.Errorf("discovery: %s", token.Printable(err.Error(), maxShown))
	}
	var document struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := provider.Claims(&document); err != nil {
		return "", errors.New("discovery: the document is malformed")
	}
	if err := checkHop(s.Issuer, document.JWKS); err != nil {
		return "", fmt.Errorf("discovery: jwks_uri %q %w", shown(document.JWKS), err)
	}
	return document.JWKS, nil
}

// checkHop returns an error if an issuer must not lead to a URL: only an issuer on this
// machine may lead to http.
func checkHop(from, to string) error {
	if err := checkURL(to); err != nil {
		return err
	}
	if strings.HasPrefix(to, "http://") && !strings.HasPrefix(from, "http://") {
		return errors.New("must be an https URL, as the issuer's is")
	}
	return nil
}

// client returns an HTTP client for one download.
func (s Source) client() (*http.Client, error) {
	authorities, err := s.authorities()
	if err != nil {
		return nil, err
	}
	base := s.Issuer
	if s.JWKS != "" {
		base = s.JWKS
	}
	authenticated, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	bearer := ""
	if s.TokenFile != "" {
		text, err := readFile(s.TokenFile, maxTokenFile)
		if err != nil {
			return nil, fmt.Errorf("token_file: %w", err)
		}
		bearer = strings.TrimSpace(string(text))
	}
	return &http.Client{
		Transport: &boundedTransport{
			Transport: &http.Transport{
				Proxy:           http.ProxyFromEnvironment,
				TLSClientConfig: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
				// So that no response is decompressed beyond the bound.
				DisableCompression: true, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
			},
			host: authenticated.Host, bearer: bearer,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			return checkHop(base, next.URL.String())
		},
	}, nil
}

// authorities returns the certificates of CA, or nil for those of the operating system.
func (s Source) authorities() (*x509.CertPool, error) {
	if s.CA == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for path := range strings.SplitSeq(s.CA, "\n") {
		pem, err := readFile(path, maxAnswer)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s contains no certificate in PEM format", path)
		}
	}
	return pool, nil
}

// boundedTransport bounds the size of responses, and sends the bearer token to one host
// only.
type boundedTransport struct {
	*http.Transport
	host, bearer string
}

// RoundTrip implements http.RoundTripper.
func (t *boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.bearer != "" && r.URL.Host == t.host {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+t.bearer)
	}
	response, err := t.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	return response, nil
}

func readFile(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return data, err
}
