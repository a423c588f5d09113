package trust

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// Source is where the keys of an issuer come from. Issuers with equal sources can share
// their Keys.
type Source struct {
	// Issuer, JWKS and TokenFile are those of the Issuer.
	Issuer, JWKS, TokenFile string
	// CA holds the paths of the Issuer's CA, with line breaks between them.
	CA string
	// Keep is how long keys are trusted while they cannot be fetched.
	Keep time.Duration
}

// defaultKeep is the default of Issuer.KeepKeys.
const defaultKeep = 24 * time.Hour

func (i Issuer) source() Source {
	s := Source{Issuer: i.Issuer, JWKS: i.JWKS, TokenFile: i.TokenFile, CA: strings.Join(i.CA, "\n"), Keep: time.Duration(i.KeepKeys)}
	if s.Keep == 0 {
		s.Keep = defaultKeep
	}
	return s
}

// check checks a source without connecting to anything. The files must exist.
func (s Source) check() error {
	if s.Keep < refreshAfter {
		return fmt.Errorf("invalid keep_keys %s: expected at least %s, the time after which keys are fetched again", s.Keep, refreshAfter)
	}
	if domain, ok := strings.CutPrefix(s.Issuer, spiffe); ok {
		if domain == "" || strings.ContainsAny(domain, "/?#@") {
			return errors.New("invalid trust domain: expected spiffe:// and a name, without a path")
		}
		if s.JWKS == "" {
			return errors.New("missing jwks: a SPIFFE trust domain has no discovery: name the URL or file of its JWT bundle")
		}
	} else if err := checkURL(s.Issuer); err != nil {
		return fmt.Errorf("the issuer %w", err)
	}
	if s.isURL() {
		if err := checkURL(s.JWKS); err != nil {
			return fmt.Errorf("jwks %w", err)
		}
	} else if s.JWKS != "" {
		if _, err := os.Stat(s.JWKS); err != nil {
			return fmt.Errorf("jwks: %w", err)
		}
	}
	if s.TokenFile != "" {
		if _, err := os.Stat(s.TokenFile); err != nil {
			return fmt.Errorf("token_file: %w", err)
		}
	}
	_, err := s.authorities()
	return err
}

// isURL reports whether the keys are at a URL that is configured.
func (s Source) isURL() bool { return strings.Contains(s.JWKS, "://") }

// checkURL returns an error unless text is an https URL, or an http URL of this
// machine.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("must be a URL such as https://gitlab.example.com")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("must be an https URL: over http, anybody on the way could replace its keys")
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
