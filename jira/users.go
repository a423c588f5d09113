package jira

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Users looks up users and their groups in one Jira.
type Users struct {
	asker Asker
	cloud bool
	// browse is whether the account may search for users.
	browse bool
}

// User is what Jira says about a user.
type User struct {
	Active bool
	// Groups are the names of the groups that the user is in, sorted. Inactive users
	// have none.
	Groups []string
}

// Errors of Users.Find. With any other error, Jira has not answered the question.
var (
	// ErrNoUser means that there is no such user.
	ErrNoUser = errors.New("there is no such user in Jira")
	// ErrUncertainUser means that Jira does not say which user it is.
	ErrUncertainUser = errors.New("Jira does not say which user it is")
)

// BusyError means that Jira asks to be left alone for a while.
type BusyError struct {
	Status     int
	RetryAfter time.Duration
}

func (e BusyError) Error() string {
	return fmt.Sprintf("Jira is busy (HTTP %d) and asks to wait for %s", e.Status, e.RetryAfter)
}

// NewUsers asks Jira for what it takes to find users: whether the account is accepted
// and may see users, and which product this is.
func NewUsers(ctx context.Context, asker Asker) (*Users, error) {
	if _, err := Myself(ctx, asker.Transport, asker.URL, asker.Account); err != nil {
		return nil, err
	}
	u := &Users{asker: asker, browse: true}
	if err := u.checkProduct(ctx); err != nil {
		return nil, err
	}
	return u, u.checkPermission(ctx)
}

// checkProduct finds out which product this is: if need be, by how it describes the
// account.
func (u *Users) checkProduct(ctx context.Context) error {
	var server struct {
		DeploymentType string `json:"deploymentType"`
	}
	if _, err := u.get(ctx, "/rest/api/2/serverInfo", &server); err != nil && !isStatus(err, http.StatusNotFound) {
		return err
	}
	if server.DeploymentType != "" {
		u.cloud = server.DeploymentType == "Cloud" // Data Center says Server
		return nil
	}
	var self struct {
		AccountID string `json:"accountId"`
		Name      string `json:"name"`
	}
	_, err := u.get(ctx, "/rest/api/2/myself", &self)
	switch {
	case err != nil:
		return err
	case self.AccountID == "" && self.Name == "":
		return errors.New("Jira does not say which product it is: is the URL right?")
	}
	u.cloud = self.AccountID != ""
	return nil
}

// checkPermission finds out whether the account may search for users. Without the
// permission, Cloud returns an empty list for everybody, as if nobody existed.
func (u *Users) checkPermission(ctx context.Context) error {
	const browseUsers = "USER_PICKER" // the key of "Browse users and groups"
	var answer struct {
		Permissions map[string]struct {
			HavePermission *bool `json:"havePermission"`
		} `json:"permissions"`
	}
	_, err := u.get(ctx, "/rest/api/2/mypermissions?permissions="+browseUsers, &answer)
	if err != nil && !isStatus(err, http.StatusNotFound) {
		return err
	}
	if have := answer.Permissions[browseUsers].HavePermission; have != nil {
		u.browse = *have
	}
	if !u.browse && u.cloud {
		return errors.New(`the account may not see users: in Jira, give it the global permission "Browse users and groups"`)
	}
	return nil
}

// Find finds the user with a name: an e-mail address or account ID on Cloud; a user
// name, key or e-mail address on Data Center. Case does not matter. Display names are
// ignored, since users can choose them.
func (u *Users) Find(ctx context.Context, name string) (User, error) {
	if u.cloud {
		return u.findOnCloud(ctx, name)
	}
	return u.findOnDataCenter(ctx, name)
}

// cloudUser is a user as Cloud describes one.
type cloudUser struct {
	AccountID    string `json:"accountId"`
	EmailAddress string `json:"emailAddress"` // empty if hidden
	Active       *bool  `json:"active"`
}

func (u *Users) findOnCloud(ctx context.Context, name string) (User, error) {
	isEmail := strings.Contains(name, "@")
	var found []cloudUser
	if !isEmail {
		var err error
		if found, err = list[cloudUser](ctx, u, "/rest/api/3/user/search?accountId="+url.QueryEscape(name)); err != nil {
			return User{}, err
		}
	}
	if len(found) == 0 {
		var err error
		if found, err = u.search(ctx, name); err != nil {
			return User{}, err
		}
	}
	hidden := false
	matching := slices.DeleteFunc(found, func(user cloudUser) bool {
		hidden = hidden || isEmail && user.EmailAddress == ""
		return user.AccountID == "" || !strings.EqualFold(user.AccountID, name) && !strings.EqualFold(user.EmailAddress, name)
	})
	switch {
	case len(matching) == 1:
		return u.groupsOnCloud(ctx, matching[0])
	case len(matching) > 1:
		return User{}, fmt.Errorf("%w: several have this e-mail address", ErrUncertainUser)
	case hidden:
		return User{}, fmt.Errorf("%w: users who might be meant hide their e-mail address", ErrUncertainUser)
	}
	return User{}, ErrNoUser
}

// Cloud shows at most a thousand users of a search.
const (
	userPage     = 50
	maxUserPages = 20
)

// search returns all users that match a query, each once.
func (u *Users) search(ctx context.Context, query string) ([]cloudUser, error) {
	var all []cloudUser
	seen := make(map[string]bool)
	for page := range maxUserPages {
		uri := "/rest/api/3/user/search?query=" + url.QueryEscape(query) + "&startAt=" + strconv.Itoa(page*userPage) + "&maxResults=" + strconv.Itoa(userPage)
		users, err := list[cloudUser](ctx, u, uri)
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, user := range users {
			if !seen[user.AccountID] {
				seen[user.AccountID] = true
				all = append(all, user)
			}
		}
		switch {
		case len(users) < userPage:
			return all, nil
		case len(all) == before:
			return nil, errors.New("Jira returns the same page of users again and again")
		}
	}
	return nil, fmt.Errorf("Jira finds more than %d users", maxUserPages*userPage)
}

func (u *Users) groupsOnCloud(ctx context.Context, user cloudUser) (User, error) {
	if user.Active == nil {
		return User{}, errors.New("Jira does not say whether the user is active")
	}
	if !*user.Active {
		return User{}, nil
	}
	groups, err := list[userGroup](ctx, u, "/rest/api/3/user/groups?accountId="+url.QueryEscape(user.AccountID))
	return User{Active: true, Groups: groupNames(groups)}, err
}

// userGroup is a group as both products describe one.
type userGroup struct {
	Name string `json:"name"`
}

// groupNames returns the names of groups, sorted.
func groupNames(groups []userGroup) []string {
	names := make([]string, 0, len(groups))
	for _, group := range groups {
		if group.Name != "" {
			names = append(names, group.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// dataCenterUser is a user as Data Center describes one.
type dataCenterUser struct {
	Name         string `json:"name"`
	Key          string `json:"key"`
	EmailAddress string `json:"emailAddress"`
	Active       *bool  `json:"active"`
	Groups       *struct {
		Size  int         `json:"size"`
		Items []userGroup `json:"items"`
	} `json:"groups"`
}

func (u *Users) findOnDataCenter(ctx context.Context, name string) (User, error) {
	for _, parameter := range []string{"username", "key"} {
		user, err := u.userBy(ctx, parameter, name)
		if !errors.Is(err, ErrNoUser) {
			return user, err
		}
	}
	if !strings.Contains(name, "@") {
		return User{}, ErrNoUser
	}
	return u.userByEmail(ctx, name)
}

func (u *Users) userBy(ctx context.Context, parameter, name string) (User, error) {
	var user dataCenterUser
	found, err := u.get(ctx, "/rest/api/2/user?"+parameter+"="+url.QueryEscape(name)+"&expand=groups", &user)
	switch {
	case err != nil:
		return User{}, err
	case !found:
		return User{}, ErrNoUser
	case !strings.EqualFold(user.Name, name) && !strings.EqualFold(user.Key, name) && !strings.EqualFold(user.EmailAddress, name):
		return User{}, errors.New("Jira answers with another user")
	case user.Active == nil:
		return User{}, errors.New("Jira does not say whether the user is active")
	case !*user.Active:
		return User{}, nil
	case user.Groups == nil || user.Groups.Size > len(user.Groups.Items):
		return User{}, errors.New("Jira does not list all groups of the user")
	}
	return User{Active: true, Groups: groupNames(user.Groups.Items)}, nil
}

func (u *Users) userByEmail(ctx context.Context, email string) (User, error) {
	if !u.browse {
		return User{}, fmt.Errorf(`%w: the account may not search for e-mail addresses, for lack of the global permission "Browse Users"`, ErrUncertainUser)
	}
	users, err := list[dataCenterUser](ctx, u, "/rest/api/2/user/search?includeInactive=true&maxResults=1000&username="+url.QueryEscape(email))
	if err != nil {
		return User{}, err
	}
	users = slices.DeleteFunc(users, func(user dataCenterUser) bool { return user.Name == "" || !strings.EqualFold(user.EmailAddress, email) })
	switch len(users) {
	case 0:
		return User{}, ErrNoUser
	case 1:
		return u.userBy(ctx, "username", users[0].Name)
	}
	return User{}, fmt.Errorf("%w: several have this e-mail address", ErrUncertainUser)
}

// list returns the list with which Jira answers a question. No list is an error: it must
// not be mistaken for an empty one.
func list[T any](ctx context.Context, u *Users, uri string) ([]T, error) {
	var items []T
	found, err := u.get(ctx, uri, &items)
	if err == nil && (!found || items == nil) {
		path, _, _ := strings.Cut(uri, "?")
		err = fmt.Errorf("Jira does not answer GET %s with a list", path)
	}
	return items, err
}

// get decodes Jira's answer to a question. found is false if Jira itself says that
// there is no such thing.
func (u *Users) get(ctx context.Context, uri string, answer any) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	response, err := u.asker.send(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return false, fmt.Errorf("Jira's answer breaks off: %w", err)
	case len(text) > maxAnswer:
		return false, fmt.Errorf("Jira's answer exceeds %d bytes", maxAnswer)
	}
	switch response.StatusCode {
	case http.StatusOK:
		if json.Unmarshal(text, answer) != nil {
			return false, errors.New("the response is not Jira's: is the URL right?")
		}
		return true, nil
	case http.StatusNotFound:
		var refusal struct {
			ErrorMessages []string `json:"errorMessages"`
		}
		if json.Unmarshal(text, &refusal) == nil && len(refusal.ErrorMessages) > 0 {
			return false, nil
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return false, busy(response)
	case http.StatusForbidden:
		return false, errors.New("Jira forbids the account to see users (HTTP 403): may it browse users and groups?")
	}
	return false, statusError(response.StatusCode)
}

// statusError reports an answer with an unexpected status.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("Jira returned HTTP %d", int(e)) }

// isStatus reports whether an error is about an answer with this status.
func isStatus(err error, status int) bool {
	unexpected, ok := errors.AsType[statusError](err)
	return ok && int(unexpected) == status
}

// busy returns the error for a response with status 429 or 503: a BusyError if it says
// when to ask again.
func busy(response *http.Response) error {
	after := retryAfter(response.Header.Get("Retry-After"), time.Now())
	if after == 0 && response.StatusCode != http.StatusTooManyRequests {
		return statusError(response.StatusCode)
	}
	return BusyError{response.StatusCode, max(after, time.Second)}
}

// maxRetryAfter is the longest time that Jira can ask to be left alone for.
const maxRetryAfter = 24 * time.Hour

// retryAfter parses the header of this name: a number of seconds or a date. It returns
// 0 for anything else.
func retryAfter(text string, now time.Time) time.Duration {
	var after time.Duration
	if seconds, err := strconv.Atoi(text); err == nil {
		after = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		after = at.Sub(now)
	}
	return min(max(0, after), maxRetryAfter)
}
