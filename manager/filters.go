package manager

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// filterGroups returns the filters as links. Whatever is in force is among them, also if it is
// not one that a click sets: addresses can have any.
func (h *Handler) filterGroups(base string, asked url.Values) []page.FilterGroup {
	groups := make([]page.FilterGroup, len(filterGroups))
	for i, group := range filterGroups {
		groups[i] = page.FilterGroup{Label: h.say(group.key)}
		if group.key == "filter.sort" {
			h.addOrders(&groups[i], base, asked, group.filters)
		} else {
			h.addFilters(&groups[i], base, asked, group.filters)
		}
	}
	return groups
}

// addFilters adds the filters of a group, of which the first is for none of them.
func (h *Handler) addFilters(to *page.FilterGroup, base string, asked url.Values, filters []listFilter) {
	seen := make(map[string]bool)
	for _, filter := range filters {
		seen[filter.name] = seen[filter.name] || asked.Get(filter.name) == filter.value
		current := filter.value != "" && asked.Get(filter.name) == filter.value
		h.addFilter(to, base, asked, filter, h.say(filter.key), current)
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if value := asked.Get(name); value != "" && !seen[name] {
			h.addFilter(to, base, asked, listFilter{name: name, value: value}, h.filterWords(name, value), true)
		}
	}
	none := true
	for _, filter := range to.Filters {
		none = none && !filter.Current
	}
	to.Filters[0].Current = none
}

// addFilter adds a filter, and, if it is set, a link that removes it. States are in sight anyway.
func (h *Handler) addFilter(to *page.FilterGroup, base string, asked url.Values, filter listFilter, text string, current bool) {
	to.Filters = append(to.Filters, page.Filter{Text: text, URL: base + filter.choose(asked).Encode(), Current: current})
	if current && filter.name != "state" {
		to.Set = append(to.Set, page.Filter{Text: h.say("filter.is", to.Label, text), URL: base + without(asked, filter.name).Encode()})
	}
}

// defaultSort is the order of lists for which none is named.
const defaultSort = "created"

// addOrders adds the orders, and a link that reverses the one that is set.
func (h *Handler) addOrders(to *page.FilterGroup, base string, asked url.Values, orders []listFilter) {
	order, reversed := strings.CutPrefix(asked.Get("sort"), "-")
	text := order
	for _, filter := range orders {
		current := cmp.Or(filter.value, defaultSort) == cmp.Or(order, defaultSort)
		if current {
			text = h.say(filter.key)
		}
		to.Filters = append(to.Filters, page.Filter{Text: h.say(filter.key), URL: base + filter.choose(asked).Encode(), Current: current})
	}
	other := listFilter{name: "sort", value: "-" + cmp.Or(order, defaultSort)}
	if reversed {
		other.value = order
	}
	to.Filters = append(to.Filters, page.Filter{Text: h.say("sort.reverse"), URL: base + other.choose(asked).Encode(), Current: reversed})
	if reversed {
		text = h.say("sort.reversed", text)
	}
	if reversed || cmp.Or(order, defaultSort) != defaultSort {
		to.Set = append(to.Set, page.Filter{Text: h.say("filter.is", to.Label, text), URL: base + without(asked, "sort").Encode()})
	}
}

// filterWords says what a filter lets through that no click sets.
func (h *Handler) filterWords(name, value string) string {
	if never, err := strconv.ParseBool(value); name == "never_used" && err == nil && never {
		return h.say("filter.never")
	}
	if days, err := strconv.Atoi(strings.TrimSuffix(value, "d")); strings.HasSuffix(value, "d") && err == nil {
		return h.count("filter.days", days)
	}
	if name != "scope" && name != "kind" {
		return value
	}
	parts := strings.Split(value, ",")
	for i, part := range parts {
		if text, err := h.pages.Words().Say("filter." + part); err == nil {
			parts[i] = text
		}
	}
	return strings.Join(parts, ", ")
}
