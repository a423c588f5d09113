package command

import (
	"strconv"

	"github.com/jiratokens/caddy-jira-tokens/admin"
)

// issuesNow says how many issues a confined token sees at this moment; "" if Jira
// was not asked or the token sees all issues.
func issuesNow(view admin.Token) string {
	switch {
	case view.ConfineCheck == nil || view.ConfineCheck.Issues == nil:
		return ""
	case *view.ConfineCheck.Issues == 1:
		return "1 issue"
	}
	return grouped(*view.ConfineCheck.Issues) + " issues"
}

// grouped writes a number with commas between its thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
