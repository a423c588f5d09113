package manager

import (
	"strconv"

	"github.com/dustin/go-humanize"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// The size of a chart, in its own units, and of the bars in it.
const (
	chartHeight = 96
	barStep     = 24
	barWidth    = 16
)

// chart draws how much a token was used on each day: requests above denials, and bytes.
func (h *Handler) chart(days []admin.Activity) page.Chart {
	c := page.Chart{Width: barStep*len(days) - (barStep - barWidth), Height: chartHeight}
	var most, mostBytes uint64
	for _, day := range days {
		c.Requests, c.Denials, c.Bytes = c.Requests+day.Requests, c.Denials+day.Denials, c.Bytes+day.Bytes
		most, mostBytes = max(most, day.Requests), max(mostBytes, day.Bytes)
	}
	for i, day := range days {
		denials := min(day.Denials, day.Requests)
		bar := page.Bar{
			X: i * barStep, Day: day.Day.Time().Format("2 January"), Requests: day.Requests, Denials: day.Denials, Bytes: bytesText(day.Bytes),
			Allowed: heightOf(day.Requests-denials, most), Denied: heightOf(denials, most), Sent: heightOf(day.Bytes, mostBytes),
		}
		bar.AllowedY, bar.DeniedY, bar.SentY = chartHeight-bar.Allowed, chartHeight-bar.Allowed-bar.Denied, chartHeight-bar.Sent
		bar.Title = h.say("chart.day", bar.Day, h.count("chart.requests.n", int(bar.Requests)), bar.Denials, bar.Bytes) //nolint:gosec // G115: a day has fewer
		c.Bars = append(c.Bars, bar)
	}
	if len(c.Bars) > 0 {
		c.First, c.Last = c.Bars[0].Day, c.Bars[len(c.Bars)-1].Day
	}
	c.Most, c.MostBytes = strconv.FormatUint(most, 10), bytesText(mostBytes)
	c.Summary = h.say("chart.summary", h.count("chart.requests.n", int(c.Requests)), c.Denials, bytesText(c.Bytes)) //nolint:gosec // G115: 30 days have fewer
	return c
}

// heightOf returns the height of a bar. What is not nothing is seen.
func heightOf(n, most uint64) int {
	if n == 0 || most == 0 {
		return 0
	}
	return max(2, int(float64(n)/float64(most)*(chartHeight-4)))
}

// bytesText returns a size for people.
func bytesText(n uint64) string { return humanize.SIWithDigits(float64(n), 1, "B") }
