package command

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// screen is the width of text that is wrapped, in columns.
const screen = 100

// widthOf returns the maximum width of tables on w, in columns: that of the terminal. In a
// file or a pipe, nothing is cut.
func widthOf(w io.Writer) int {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
		return screen
	}
	return math.MaxInt32
}

// printRows prints a page of a list, with a header if requested.
func printRows(w io.Writer, width int, views []admin.Token, header bool) {
	var lines [][]string
	if header {
		lines = append(lines, []string{"ID", "OWNER", "NAME", "SCOPE", "STATE", "EXPIRES", "LAST USED"})
	}
	for _, view := range views {
		lines = append(lines, cells(view))
	}
	printTable(w, width, lines, 1, 2) // the show command prints owner and name in full
}

// leastWidth is how much of a column that may be cut is shown in any case.
const leastWidth = 5

// printTable prints lines in columns, at most width wide. The columns a and b share the
// width that the others leave, and may be cut. If the others leave none, lines are wider.
func printTable(w io.Writer, width int, lines [][]string, a, b int) {
	if len(lines) == 0 {
		return
	}
	widths := make([]int, len(lines[0]))
	left := width - 2*(len(widths)-1)
	for i := range widths {
		for _, line := range lines {
			widths[i] = max(widths[i], utf8.RuneCountInString(line[i]))
		}
		if i != a && i != b {
			left -= widths[i]
		}
	}
	left = max(left, 2*leastWidth)
	widths[a] = min(widths[a], max(left-widths[b], (left+1)/2))
	widths[b] = min(widths[b], left-widths[a])
	for _, line := range lines {
		for i, cell := range line {
			line[i] = fit(cell, widths[i])
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(line, "  "), " "))
	}
}

func cells(view admin.Token) []string {
	if view.State == token.StateDamaged {
		return []string{view.ID, "?", "?", "?", string(view.State), "?", "?"}
	}
	scope, expires, lastUsed := view.Scope.String(), "never", "never"
	if !view.Confine.IsZero() {
		scope += ", confined"
	}
	if !view.ExpiresAt.IsZero() {
		expires = view.ExpiresAt.UTC().Format(time.DateOnly)
	}
	if view.LastUsed != nil {
		lastUsed = view.LastUsed.At.UTC().Format(time.DateOnly)
	}
	return []string{view.ID, view.Owner, view.Name, scope, listedState(view), expires, lastUsed}
}

// fit pads or truncates text to width.
func fit(text string, width int) string {
	n := utf8.RuneCountInString(text)
	if n <= width {
		return text + strings.Repeat(" ", width-n)
	}
	return string([]rune(text)[:width-1]) + "…"
}

// wrap breaks text into lines of at most width characters, between words if
// possible.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		for utf8.RuneCountInString(word) > width {
			runes := []rune(word)
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// printWrapped prints rows as a table and wraps their last cells.
func printWrapped(w io.Writer, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	last := len(rows[0]) - 1
	widths, indent := make([]int, last), 0
	for i := range last {
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		widths[i] = min(widths[i], 50)
		indent += widths[i] + 2
	}
	for _, row := range rows {
		cells := make([]string, last, last+1)
		for i := range cells {
			cells[i] = fit(row[i], widths[i])
		}
		text := strings.Join(wrap(row[last], screen-indent), "\n"+strings.Repeat(" ", indent))
		fmt.Fprintln(w, strings.TrimRight(strings.Join(append(cells, text), "  "), " "))
	}
}
