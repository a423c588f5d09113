package command

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
)

func exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "export > FILE | export --to FILE",
		DisableFlagsInUseLine: true,
		Short:                 "Write everything in the store (digests, never tokens), to move it to another store",
		Long: `Write everything that import needs to another store, to standard output or to a
file: tokens as digests, when they were last used, stored accounts as they are
encrypted, and what Jira has said about owners. The audit trail stays where it is.

With --to, an export that was interrupted continues when the command is repeated at
a gateway with the same store: until it is complete, the file is called FILE.part.`,
		Args: noArguments("records are written to standard output, as in `caddy jira-token export > tokens.ndjson`, or to a file with --to"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			if path, _ := cmd.Flags().GetString("to"); path != "" {
				return c.exportTo(path)
			}
			e := &export{client: c, out: &jsonWriter{Writer: cmd.OutOrStdout()}}
			if err := e.run(); err != nil {
				// Make sure that import rejects the incomplete output: see
				// registry.ErrCutOff.
				fmt.Fprint(cmd.OutOrStdout(), "\n{")
				return err
			}
			return e.report()
		}),
	}
	cmd.Flags().String("to", "", "File to write, which must not exist yet")
	return cmd
}

// export is an export under way.
type export struct {
	*client
	out  io.Writer
	from string // the JSON of the position to continue from
	// total and end are what the export's header and last line say.
	total   int
	end     *admin.ExportPosition
	records int64
	// documents counts the documents that were written, staying those of which only the
	// name was, by kind.
	documents int
	staying   map[string]int
}

// exportMark is the beginning of lines that are not records, of which there are few.
type exportMark struct {
	Export   *admin.ExportHeader   `json:"export"`
	Position *admin.ExportPosition `json:"position"`
	End      *admin.ExportPosition `json:"end"`
	Document *struct {
		Kind string          `json:"kind"`
		Data json.RawMessage `json:"data"`
	} `json:"document"`
}

// exportTo writes an export to a file, or completes one that was interrupted.
func (c *client) exportTo(path string) error {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("--to: %s exists: remove it, or choose another name", path)
	}
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer file.Close()
	e := &export{client: c}
	if err := e.continueAfter(file); err != nil {
		return fmt.Errorf("--to: reading %s: %w", part, err)
	}
	if e.from != "" {
		c.progress("Continuing %s after %d records.", part, e.records)
	}
	buffered := bufio.NewWriterSize(file, 1<<20)
	e.out = buffered
	err = errors.Join(e.run(), buffered.Flush())
	switch answer, ok := errors.AsType[answerError](err); {
	case ok && answer.status == "400" && e.from != "":
		return fmt.Errorf("--to: %s cannot be continued: %w; to begin anew, remove it or choose another name", part, err)
	case err != nil:
		return fmt.Errorf("%w; to continue, repeat the command", err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	return e.report()
}

// continueAfter looks for the last position in an incomplete file, and removes what
// follows it.
func (e *export) continueAfter(file *os.File) error {
	reader := bufio.NewReaderSize(file, 1<<20)
	var at, keep int64
	for {
		line, err := reader.ReadSlice('\n')
		at += int64(len(line))
		for errors.Is(err, bufio.ErrBufferFull) {
			line = nil // too long to be a position
			var more []byte
			more, err = reader.ReadSlice('\n')
			at += int64(len(more))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		mark := e.look(line)
		if mark.Position == nil {
			continue
		}
		text, err := json.Marshal(mark.Position)
		if err != nil {
			return err
		}
		e.from, keep = string(text), at
	}
	if e.from == "" { // it begins anew
		e.documents, e.staying = 0, nil
	}
	if err := file.Truncate(keep); err != nil {
		return err
	}
	_, err := file.Seek(keep, io.SeekStart)
	return err
}

// markIn decodes a line that says something about the export itself.
func markIn(line []byte) (mark exportMark, ok bool) {
	for _, start := range []string{`{"export":`, `{"document":`, `{"position":`, `{"end":`} {
		if bytes.HasPrefix(line, []byte(start)) {
			return mark, json.Unmarshal(line, &mark) == nil
		}
	}
	return mark, false
}

// run writes the export.
func (e *export) run() error {
	query := url.Values{}
	if e.from != "" {
		query.Set("position", e.from)
	}
	response, err := e.request(http.MethodGet, "export", query, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	bar := newProgressBar(e.err, "Exporting")
	defer bar.end()
	lines := bufio.NewReaderSize(response.Body, 1<<20)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			if mark := e.look(line); mark.Position != nil {
				bar.show(e.records, int64(e.total), fmt.Sprintf("%d records", e.records))
			}
			if _, err := e.out.Write(line); err != nil {
				return fmt.Errorf("writing the export: %w", err)
			}
		}
		switch {
		case errors.Is(err, io.EOF) && e.end != nil:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("the export was interrupted after %d records", e.records)
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("the export was interrupted after %d records: %w", e.records, err)
		}
	}
}

// look takes note of what a line says about the export, and returns it.
func (e *export) look(line []byte) exportMark {
	mark, ok := markIn(line)
	switch {
	case !ok:
		return exportMark{}
	case mark.Export != nil:
		e.total = mark.Export.Tokens
	case mark.Document != nil && len(mark.Document.Data) > 0 && string(mark.Document.Data) != "null":
		e.documents++
	case mark.Document != nil:
		if e.staying == nil {
			e.staying = make(map[string]int)
		}
		e.staying[mark.Document.Kind]++
	case mark.Position != nil:
		e.records = int64(mark.Position.Records)
	case mark.End != nil:
		e.end = mark.End
	}
	return mark
}

// report says what was written and what was left out.
func (e *export) report() error {
	e.progress("Records exported: %d; accounts and other documents: %d.", e.end.Records, e.documents)
	e.sayStaying("Not exported, since they stay with this store:", e.staying)
	if e.end.Damaged > 0 {
		e.progress("Damaged records left out: %d. To see them, run: caddy jira-token list --state damaged", e.end.Damaged)
	}
	return nil
}
