package redisstore

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// location is what a URL says.
type location struct {
	address, username, password string
	db                          int
	tls                         bool
}

const wantURL = "want redis://[user:password@]host[:port][/db], rediss://… for TLS, or unix://[user:password@]/path/to/socket[?db=N]"

// parseURL reads the URL of a store and replaces the placeholders in its parts
// with resolve, each by itself: what a placeholder stands for needs no
// escaping. No error shows the user or the password, which is why url.Parse
// does not get to see them.
func parseURL(text string, resolve func(string) (string, error)) (location, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return location{}, errors.New("the URL has no scheme: " + wantURL)
	}
	var where location
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, password, _ := strings.Cut(rest[:at], ":")
		// A colon of a placeholder, {file.C:\x}, does not separate.
		if strings.Count(user, "{") > strings.Count(user, "}") {
			return location{}, errors.New("the URL's user has a placeholder with a colon: use the options username and password instead")
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
				err = errors.New("is not escaped rightly: write % as %25")
			}
			if err != nil {
				return location{}, fmt.Errorf("the URL's %s: %w", part.name, err)
			}
		}
	}
	rest, err := resolve(rest)
	if err != nil {
		return location{}, fmt.Errorf("the URL: %w", err)
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil {
		return location{}, fmt.Errorf("the URL is not valid behind user and password: %s", wantURL)
	}
	return where, where.locate(u)
}

// locate takes from u everything but the user.
func (l *location) locate(u *url.URL) error {
	db := strings.TrimPrefix(u.Path, "/")
	switch u.Scheme {
	case "redis", "rediss":
		l.tls = u.Scheme == "rediss"
		if u.Host == "" {
			return errors.New("the URL has no host: " + wantURL)
		}
		l.address = withPort(u.Host, false)
	case "unix":
		if l.address = u.Path; u.Host != "" || !isSocket(u.Path) {
			return errors.New("the URL of a unix socket needs its whole path: unix:///path/to/socket")
		}
		db = ""
	default:
		return fmt.Errorf("the URL's scheme is %q: %s", u.Scheme, wantURL)
	}
	for name, values := range u.Query() {
		if name != "db" || len(values) != 1 || db != "" {
			return fmt.Errorf("the URL's parameter %q: only db is known, once; everything else is an option of its own", name)
		}
		db = values[0]
	}
	if db == "" {
		return nil
	}
	n, err := strconv.Atoi(db)
	if err != nil || n < 0 {
		return fmt.Errorf("the URL's db is %q: want a number", db)
	}
	l.db = n
	return nil
}
