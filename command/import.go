package command

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
)

func importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "import [--restore] [--check] < FILE",
		DisableFlagsInUseLine: true,
		Short:                 "Import what export has written, from standard input",
		Long: `Import what export has written, from standard input. If that is a file, it is
checked from beginning to end before anything is imported.

What already exists is skipped, so an interrupted import can be repeated. A token
that was imported before, and that nobody has changed here since, is replaced by a
later version of itself. A token that is revoked in the export is revoked here too.
Everything else stays as it is here, and is listed. Tokens and accounts that were
deleted from this store are left out unless --restore is set. If the export is older
than this store's audit trail, those that may have been deleted are left out too: the
trail can no longer tell.`,
		Args: noArguments("records are read from standard input, as in `caddy jira-token import < tokens.ndjson`"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			i := &importing{client: c, query: url.Values{}, pause: time.Second}
			if restore, _ := cmd.Flags().GetBool("restore"); restore {
				i.query.Set("restore", "true")
			}
			check, _ := cmd.Flags().GetBool("check")
			if err := i.run(cmd.InOrStdin(), check); err != nil {
				return err
			}
			return i.report(check)
		}),
	}
	cmd.Flags().Bool("restore", false, "Also import tokens and accounts that were, or may have been, deleted from this store")
	cmd.Flags().Bool("check", false, "Only check the export, and say what an import would do")
	return cmd
}

// importing is an import under way.
type importing struct {
	*client
	query url.Values
	total admin.ImportResult
	pause time.Duration // before a part is sent again
}

// A part of an export is imported with one request: at most partLines lines, and not
// many more than partBytes.
const (
	partLines = 5000
	partBytes = 4 << 20
)

// part is a part of an export.
type part struct {
	line  int // number of the first line
	lines int
	text  []byte
	end   int64 // where it ends in the file
	// repeated is set if it was sent more than once.
	repeated bool
}

// run imports an export. If it can be read twice, it is checked first, and parts that
// change nothing are not sent again.
func (i *importing) run(in io.Reader, check bool) error {
	file, isFile := seekable(in)
	if !isFile {
		if !check {
			return i.all(in, 0, "Importing", false, nil, nil)
		}
		return i.all(in, 0, "Checking", true, nil, nil)
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	pending := make(map[int]admin.ImportResult) // the parts that change something, by their first lines
	err = i.all(file, size, "Checking", true, nil, func(p part, r admin.ImportResult) {
		if r.Imported+r.Updated+r.Documents > 0 || r.Header != nil {
			pending[p.line] = admin.ImportResult{Imported: r.Imported, Updated: r.Updated, Documents: r.Documents}
		}
	})
	if err != nil || check {
		return err
	}
	checked := i.total
	if checked.Imported+checked.Updated+checked.Documents == 0 {
		return nil // nothing to do, and nothing to say about it in the trail
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	i.total = admin.ImportResult{}
	var done admin.ImportResult
	err = i.all(file, size, "Importing", false, func(p part) bool { _, ok := pending[p.line]; return ok }, func(p part, r admin.ImportResult) {
		if p.repeated { // what the first attempt has imported is no longer new
			r = pending[p.line]
		}
		done.Imported, done.Updated, done.Documents = done.Imported+r.Imported, done.Updated+r.Updated, done.Documents+r.Documents
	})
	// What was not sent again is known from the check.
	i.total = checked
	i.total.Imported, i.total.Updated, i.total.Documents = done.Imported, done.Updated, done.Documents
	if err != nil {
		return fmt.Errorf("%w; to continue, repeat the command", err)
	}
	return nil
}

// seekable returns in as a file that can be read twice.
func seekable(in io.Reader) (*os.File, bool) {
	file, ok := in.(*os.File)
	if !ok {
		return nil, false
	}
	info, err := file.Stat()
	return file, err == nil && info.Mode().IsRegular()
}

// all sends the parts for which wanted is true, and adds up the results, of which it also
// tells seen. Either may be nil.
func (i *importing) all(in io.Reader, size int64, what string, check bool, wanted func(part) bool, seen func(part, admin.ImportResult)) error {
	query := maps.Clone(i.query)
	if check {
		query.Set("check", "true")
	}
	bar := newProgressBar(i.err, what)
	defer bar.end()
	lines := bufio.NewReaderSize(in, 1<<20)
	for next := (part{line: 1}); ; {
		p, err := readPart(lines, next)
		if err != nil {
			return err
		}
		if len(p.text) == 0 {
			break
		}
		if wanted == nil || wanted(p) {
			result, err := i.send(query, &p)
			if err != nil {
				return err
			}
			i.add(result)
			if result.Header != nil { // which the other parts do not have
				query.Set("exported_at", result.Header.At.UTC().Format(time.RFC3339))
			}
			if seen != nil {
				seen(p, result)
			}
		}
		next = part{line: p.line + p.lines, end: p.end}
		bar.show(p.end, size, fmt.Sprintf("%d lines", next.line-1))
	}
	if wanted != nil {
		return nil
	}
	return i.checkComplete()
}

// readPart reads the part that begins where the last one ended.
func readPart(lines *bufio.Reader, next part) (part, error) {
	p := part{line: next.line, end: next.end}
	var text bytes.Buffer
	for p.lines < partLines && text.Len() < partBytes {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			text.Write(line)
			p.lines++
		}
		p.end += int64(len(line))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return p, fmt.Errorf("reading standard input: %w", err)
		}
	}
	p.text = text.Bytes()
	return p, nil
}

// busyTries is how often a part is sent while the store cannot be used.
const busyTries = 6

func (i *importing) send(query url.Values, p *part) (result admin.ImportResult, err error) {
	query.Set("line", strconv.Itoa(p.line))
	var response *http.Response
	for tries := 1; ; tries++ {
		response, err = i.request(http.MethodPost, "import", query, bytes.NewReader(p.text))
		answer, ok := errors.AsType[answerError](err)
		if !ok || answer.status != "503" || tries == busyTries {
			break
		}
		// The store is away or busy for a moment: what was imported is passed over.
		time.Sleep(i.pause * time.Duration(tries))
		p.repeated = true
	}
	if err != nil {
		return result, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = decode(text, &result)
	}
	if err != nil {
		return result, fmt.Errorf("reading the response of the admin API: %w", err)
	}
	return result, nil
}

// add adds the result of a part to that of the whole.
func (i *importing) add(r admin.ImportResult) {
	t := &i.total
	t.Imported, t.Updated, t.Unchanged, t.Deleted = t.Imported+r.Imported, t.Updated+r.Updated, t.Unchanged+r.Unchanged, t.Deleted+r.Deleted
	t.Documents, t.Left, t.LinksEnded = t.Documents+r.Documents, t.Left+r.Left, t.LinksEnded+r.LinksEnded
	t.Lines, t.Records, t.DocumentsRead = t.Lines+r.Lines, t.Records+r.Records, t.DocumentsRead+r.DocumentsRead
	const most = 100
	t.Skipped = append(t.Skipped, r.Skipped[:min(len(r.Skipped), most-min(len(t.Skipped), most))]...)
	t.Warnings = append(t.Warnings, r.Warnings...)
	t.Accounts = append(t.Accounts, r.Accounts...)
	t.UnknownAccounts, t.NotMoved = addCounts(t.UnknownAccounts, r.UnknownAccounts), addCounts(t.NotMoved, r.NotMoved)
	if r.Header != nil {
		t.Header = r.Header
	}
	if r.End != nil {
		t.End = r.End
	}
}

func addCounts(to, more map[string]int) map[string]int {
	if to == nil {
		return more
	}
	for name, n := range more {
		to[name] += n
	}
	return to
}

// checkComplete returns an error unless the whole export was read.
func (i *importing) checkComplete() error {
	t := i.total
	switch {
	case t.Lines == 0:
		return errors.New("nothing to import: standard input is empty")
	case t.Header == nil: // written by an earlier version
		return nil
	case t.End == nil:
		return errors.New("the export is incomplete: its last line is missing; repeat the export")
	case t.End.Store != t.Header.Store:
		return errors.New("the export begins with one store and ends with another: repeat the export")
	case t.End.Records != t.Records || t.End.Documents != t.DocumentsRead:
		return fmt.Errorf("the export is incomplete: it has %d records and %d documents, but %d and %d were written; repeat the export", t.Records, t.DocumentsRead, t.End.Records, t.End.Documents)
	}
	return nil
}

// report prints what was done. It returns an error if something was left out.
func (i *importing) report(check bool) error {
	t := i.total
	err := i.print(t, func(w io.Writer) {
		imported, documents := "imported", "Accounts and other documents imported"
		if check {
			imported, documents = "to be imported", "Accounts and other documents to be imported"
		}
		fmt.Fprintf(w, "Records %s: %d; already present: %d.\n", imported, t.Imported, t.Unchanged)
		for _, count := range []struct {
			n    int
			text string
		}{
			{t.Updated, "Replaced by later versions of themselves: %d.\n"},
			{t.LinksEnded, "Hand-over links that only work where they were made: %d. To make others here, use rotate --handover.\n"},
			{t.Documents, documents + ": %d.\n"},
			{t.Deleted, "Left out because they were deleted from this store: %d. To bring them back, use import --restore.\n"},
			{t.Left, "Left as they are here: %d.\n"},
		} {
			if count.n > 0 {
				fmt.Fprintf(w, count.text, count.n)
			}
		}
		rows := make([][]string, len(t.Skipped))
		for n, skipped := range t.Skipped {
			rows[n] = []string{"  line " + strconv.Itoa(skipped.Line), skipped.What, skipped.Why}
		}
		printWrapped(w, rows)
	})
	if err != nil {
		return err
	}
	for _, warning := range t.Warnings {
		i.progress("Warning: %s.", warning)
	}
	for _, name := range slices.Sorted(maps.Keys(t.UnknownAccounts)) {
		if slices.Contains(t.Accounts, name) {
			continue // it came with an earlier part
		}
		i.progress("Warning: %s cannot be used: there is no account %s here. Add it to the configuration, or to the store with `caddy jira-token account add`.", tokens(t.UnknownAccounts[name]), name)
	}
	i.sayStaying("Not moved, since they belong to the other store:", t.NotMoved)
	if t.Left > 0 {
		return fmt.Errorf("left as they are here: %d", t.Left)
	}
	return nil
}
