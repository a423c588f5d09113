package redisstore

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// location is the contents of a URL.
type location struct {
	address, username, password string
	db                          int
	tls                         bool
}

const expectedURL = "expected redis://[user:password@]host[:port][/db], rediss://… for TLS, or unix://[user:password@]/path/to/socket[?db=N]"

// parseURL parses the URL of a store. It replaces placeholders with resolve in each
// part separately, so that their values need no escaping. It does not pass the user
// and the password to url.Parse, whose errors would show them.
func parseURL(text string, resolve func(string) (string, error)) (location, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return location{}, errors.New("the URL has no scheme: " + expectedURL)
	}
	var where location
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, password, _ := strings.Cut(rest[:at], ":")
		// The colon in a placeholder such as {file.C:\x} is not the separator.
		if strings.Count(user, "{") > strings.Count(user, "}") {
			return location{}, errors.New("the user in the URL contains a placeholder with a colon: use the options username and password instead")
		}
		rest = rest[at+1:]
		for _, part := range []struct {
			name, in string
			out      *string
		}{{"user", user, &where.username}, {"password", password, &where.password}} {
			var err error
			if strings.Contains(part.in, "{") {
				*part.out, err = resolve(part.in)
			} else if *part.out, err = url.PathUnescape(part.in); err != nil {
				err = errors.New("invalid escape: write % as %25")
			}
			if err != nil {
				return location{}, fmt.Errorf("invalid %s in the URL: %w", part.name, err)
			}
		}
	}
	rest, err := resolve(rest)
	if err != nil {
		return location{}, fmt.Errorf("invalid URL: %w", err)
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil {
		return location{}, fmt.Errorf("invalid URL after user and password: %s", expectedURL)
	}
	return where, where.locate(u)
}

// locate sets everything but the user and the password from u.
func (l *location) locate(u *url.URL) error {
	db := strings.TrimPrefix(u.Path, "/")
	switch u.Scheme {
	case "redis", "rediss":
		l.tls = u.Scheme == "rediss"
		if u.Host == "" {
			return errors.New("the URL has no host: " + expectedURL)
		}
		l.address = withPort(u.Host, false)
	case "unix":
		if l.address = u.Path; u.Host != "" || !isSocket(u.Path) {
			return errors.New("the URL of a unix socket must have an absolute path: unix:///path/to/socket")
		}
		db = ""
	default:
		return fmt.Errorf("invalid scheme %q in the URL: %s", u.Scheme, expectedURL)
	}
	for name, values := range u.Query() {
		if name != "db" || len(values) != 1 || db != "" {
			return fmt.Errorf("invalid parameter %q in the URL: only db is allowed, once; everything else has an option of its own", name)
		}
		db = values[0]
	}
	if db == "" {
		return nil
	}
	n, err := strconv.Atoi(db)
	if err != nil || n < 0 {
		return fmt.Errorf("invalid db %q in the URL: expected a number", db)
	}
	l.db = n
	return nil
}
