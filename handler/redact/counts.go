package redact

import "strconv"

// counts are the counts of a page whose elements may be dropped. They are written after the elements, wherever Jira has
// them, and count what passed:
//
//   - Of a page that holds everything, such as the comments inside an issue, the total is what passed.
//   - Of the last of several pages, the total is the page's start and what passed of it.
//   - Of an earlier page, the total is Jira's, which also counts what is hidden: no one knows yet how much of the following
//     pages is. Where the number of what is hidden is itself a secret, as with internal comments and changes, the total says
//     only that there is more. It grows from page to page, until the last one has the right one.
//
// startAt and maxResults keep Jira's counts, so that clients reach every page once.
type counts struct {
	held       [countNames]int64
	present    [countNames]bool
	next       int // count whose value comes next
	seen, kept int64
}

const (
	startAt = iota
	maxResults
	total
	size
	countNames
)

// hold reports whether the member with this name is a count. If it is, set must follow.
func (c *counts) hold(name []byte) bool {
	switch string(name) {
	case "startAt":
		c.next = startAt
	case "maxResults":
		c.next = maxResults
	case "total":
		c.next = total
	case "size":
		c.next = size
	default:
		return false
	}
	return true
}

// set sets the count that was named last. A value other than a whole number is dropped.
func (c *counts) set(value []byte) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	c.held[c.next], c.present[c.next] = n, err == nil
}

// holds calls hold and set.
func (c *counts) holds(name []byte, v value) bool {
	if !c.hold(name) {
		return false
	}
	c.set(v.raw())
	return true
}

// element counts an element.
func (c *counts) element(passed bool) {
	c.seen++
	if passed {
		c.kept++
	}
}

// append appends the counts as members of an object. secret is set if the number of hidden elements must not be revealed.
func (c *counts) append(to []byte, first, secret bool) []byte {
	c.correct(secret)
	for i, name := range [countNames]string{"startAt", "maxResults", "total", "size"} {
		if !c.present[i] {
			continue
		}
		if !first {
			to = append(to, ',')
		}
		to = append(append(append(to, '"'), name...), `":`...)
		to = strconv.AppendInt(to, c.held[i], 10)
		first = false
	}
	return to
}

func (c *counts) correct(secret bool) {
	if c.held[maxResults] == c.seen && c.held[total] == c.seen {
		c.held[maxResults] = c.kept // all comments of an issue: Jira counts them here too
	}
	c.held[size] = c.kept
	switch end := c.held[startAt] + c.seen; {
	case end >= c.held[total], c.seen == 0: // a page without elements tells nothing of those that are hidden
		c.held[total] = c.held[startAt] + c.kept
	case secret:
		c.held[total] = end + 1
	}
}
