package command

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progressBar shows how far something has come: on a terminal as a bar, and elsewhere as a
// line now and then.
type progressBar struct {
	out      io.Writer
	terminal bool
	what     string
	began    time.Time
	shown    time.Time
	now      func() time.Time
}

// How often progress is shown.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 10 * time.Second
)

// newProgressBar returns a bar for what, such as "Exporting".
func newProgressBar(out io.Writer, what string) *progressBar {
	file, ok := out.(*os.File)
	p := &progressBar{out: out, what: what, terminal: ok && term.IsTerminal(int(file.Fd())), now: time.Now}
	p.began = p.now()
	p.shown = p.began
	return p
}

// show shows that done of total have been done; a total of 0 is not known. detail says
// how many of what that is.
func (p *progressBar) show(done, total int64, detail string) {
	every := lineEvery
	if p.terminal {
		every = barEvery
	}
	if p.now().Sub(p.shown) < every {
		return
	}
	p.shown = p.now()
	text := p.text(done, total, detail)
	if p.terminal {
		text = "\r" + text + "\x1b[K" // and erases the rest of the line
	} else {
		text += "\n"
	}
	fmt.Fprint(p.out, text)
}

func (p *progressBar) text(done, total int64, detail string) string {
	const width = 30
	text := p.what + " "
	if total > 0 {
		share := min(float64(done)/float64(total), 1)
		full := int(share * width)
		if p.terminal {
			text += "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "] "
		}
		text += fmt.Sprintf("%d %%, ", int(share*100))
		if spent := p.now().Sub(p.began); share > 0.01 && share < 1 {
			detail += ", about " + roughly(time.Duration(float64(spent)*(1-share)/share)) + " left"
		}
	}
	return text + detail
}

// roughly rounds a duration to what is worth showing.
func roughly(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%ds", max(int(d.Seconds()), 1))
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// end removes the bar.
func (p *progressBar) end() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
