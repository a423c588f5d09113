package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// quantity is a measured quantity and its format.
type quantity struct {
	name  string
	of    func(*measurement) float64
	write func(float64) string
}

func quantities() []quantity {
	return []quantity{
		{"requests/s", (*measurement).perSecond, func(v float64) string { return fmt.Sprintf("%.0f", v) }},
		{"p50", func(m *measurement) float64 { return float64(quantile(m.sorted, 0.50)) }, writeTime},
		{"p99", func(m *measurement) float64 { return float64(quantile(m.sorted, 0.99)) }, writeTime},
		{"CPU/request", func(m *measurement) float64 { return float64(m.cpuPerRequest()) }, writeTime},
	}
}

// report writes the comparison as Markdown.
func (c *comparison) report(out io.Writer) {
	fmt.Fprintf(out, "## Comparison\n\n%s\n\n%d rounds of %s each. Values are medians; ratios have their quartiles in parentheses.\n\n",
		machine(), c.o.rounds, c.o.duration)
	loops := []struct {
		name, title string
		of          func(*series) []*measurement
	}{
		{"closed", fmt.Sprintf("Closed loop, %d connections", connections), func(s *series) []*measurement { return s.closed }},
		{"open", fmt.Sprintf("Open loop, %.0f requests per second", c.rate), func(s *series) []*measurement { return s.open }},
		{"together", fmt.Sprintf("All at once, %d connections", connections), func(s *series) []*measurement { return s.together }},
	}
	for _, loop := range loops {
		if !slices.Contains(c.o.loops, loop.name) {
			continue
		}
		reportAbsolute(out, loop.title, c.results, loop.of)
		for _, name := range []string{"plain", "tuned", "gateway_before"} {
			i := slices.IndexFunc(c.results, func(s *series) bool { return s.variant.name == name })
			if i >= 0 {
				reportRatios(out, c.results[i], c.results, loop.of)
			}
		}
	}
	reportMemory(out, c.results)
}

func reportAbsolute(out io.Writer, title string, results []*series, of func(*series) []*measurement) {
	fmt.Fprintf(out, "### %s\n\n", title)
	header(out, "", names(quantities())...)
	for _, s := range results {
		var cells []string
		for _, q := range quantities() {
			cells = append(cells, q.write(median(each(of(s), q.of))))
		}
		row(out, s.what, cells...)
	}
	fmt.Fprintln(out)
}

func reportRatios(out io.Writer, reference *series, results []*series, of func(*series) []*measurement) {
	header(out, "ratio to "+reference.what, names(quantities())...)
	for _, s := range results {
		if s == reference {
			continue
		}
		var cells []string
		for _, q := range quantities() {
			cells = append(cells, writeSpread(ratios(each(of(s), q.of), each(of(reference), q.of))))
		}
		row(out, s.what, cells...)
	}
	fmt.Fprintln(out)
}

func reportMemory(out io.Writer, results []*series) {
	fmt.Fprint(out, "### Memory after all rounds\n\n")
	header(out, "", "resident", "anonymous", "peak")
	for _, s := range results {
		row(out, s.what, writeBytes(s.memory.resident), writeBytes(s.memory.own), writeBytes(s.memory.peak))
	}
	fmt.Fprintln(out)
}

func names(quantities []quantity) []string {
	var names []string
	for _, q := range quantities {
		names = append(names, q.name)
	}
	return names
}

// header starts a table.
func header(out io.Writer, first string, columns ...string) {
	row(out, first, columns...)
	fmt.Fprintf(out, "| --- |%s\n", strings.Repeat(" ---: |", len(columns)))
}

func row(out io.Writer, first string, cells ...string) {
	fmt.Fprintf(out, "| %s | %s |\n", first, strings.Join(cells, " | "))
}

// machine describes the machine and the date of the measurement.
func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, on %d cores of %s, %s, %s.", time.Now().Format("2006-01-02"), runtime.NumCPU(), model, runtime.GOOS, runtime.Version())
}

// each extracts one quantity from all measurements.
func each(all []*measurement, of func(*measurement) float64) []float64 {
	values := make([]float64, len(all))
	for i, m := range all {
		values[i] = of(m)
	}
	return values
}

// ratios divides the values of each round.
func ratios(values, by []float64) []float64 {
	quotients := make([]float64, len(values))
	for i, v := range values {
		quotients[i] = v / by[i]
	}
	return quotients
}

func median(values []float64) float64 {
	return quantileOf(values, 0.5)
}

// quantileOf interpolates between the two nearest values, as there are few rounds.
func quantileOf(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (sorted[above]-sorted[below])*(at-float64(below))
}

// quantile returns a quantile of many sorted values, without interpolation.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(math.Ceil(q*float64(len(sorted))))-1, len(sorted)-1)]
}

func writeSpread(values []float64) string {
	return fmt.Sprintf("%.3f (%.3f–%.3f)", median(values), quantileOf(values, 0.25), quantileOf(values, 0.75))
}

// writeTime formats nanoseconds with three significant digits.
func writeTime(ns float64) string {
	switch {
	case math.Abs(ns) < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case math.Abs(ns) < 1e6:
		return threeDigits(ns/1e3) + " µs"
	case math.Abs(ns) < 1e9:
		return threeDigits(ns/1e6) + " ms"
	}
	return threeDigits(ns/1e9) + " s"
}

func threeDigits(v float64) string {
	switch {
	case math.Abs(v) < 10:
		return fmt.Sprintf("%.2f", v)
	case math.Abs(v) < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func writeBytes(n int64) string {
	if n < 10_000 {
		return fmt.Sprintf("%d B", n)
	}
	return threeDigits(float64(n)/1e6) + " MB"
}

// reportTokens writes the results for one store.
func reportTokens(out io.Writer, store string, all []census, h *held) {
	fmt.Fprintf(out, "### Store %s\n\n", store)
	header(out, "tokens", "bytes each", "created/s", "store read", "cache hit", "Caddy start", "catalog read")
	for _, c := range all {
		row(out, fmt.Sprint(c.tokens), fmt.Sprint(c.bytes/int64(c.tokens)), fmt.Sprintf("%.0f", float64(c.added)/c.filling.Seconds()),
			writeTime(float64(c.read)), writeTime(float64(c.recalled)), writeTime(float64(c.start)), writeTime(float64(c.catalog)))
	}
	fmt.Fprintln(out)
	var columns []string
	for _, c := range all {
		columns = append(columns, fmt.Sprintf("%d tokens", c.tokens))
	}
	header(out, "answer: median (max)", columns...)
	for i, page := range pages() {
		var cells []string
		for _, c := range all {
			cells = append(cells, fmt.Sprintf("%s (%s)", writeTime(float64(c.pages[i].median)), writeTime(float64(c.pages[i].longest))))
		}
		row(out, page.what, cells...)
	}
	fmt.Fprintln(out)
	header(out, fmt.Sprintf("Caddy's memory with %d tokens stored", all[len(all)-1].tokens), "resident", "anonymous", "peak", "live heap")
	for _, f := range []struct {
		what string
		footprint
	}{{"1 used", h.before}, {fmt.Sprintf("%d used", h.tokens), h.after}} {
		row(out, f.what, writeBytes(f.resident), writeBytes(f.own), writeBytes(f.peak), writeBytes(f.heap))
	}
	fmt.Fprintln(out)
}
