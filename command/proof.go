package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// proofCommands are the commands about the proof of the audit trail.
func proofCommands() []*cobra.Command {
	return []*cobra.Command{
		verifyTrailCommand(), proveCommand(), checkpointCommand(), trailKeyCommand(), exportTrailCommand(), adoptCommand(),
	}
}

func verifyTrailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [--checkpoint FILE]… [--key KEY]… [--file EXPORT] [--from NUMBER]",
		Short: "Check that the audit trail is what was recorded: nothing edited, missing, added or reordered",
		Long: `Check that the audit trail is what was recorded: nothing edited, missing, added or
reordered. The command checks the events itself: it fetches them, or reads them from
an export, and compares them with the signed checkpoint of the trail and with those
that were saved earlier. Anyone who can write to the token store and has the signing
key can replace the whole trail: only a checkpoint that was saved elsewhere shows that.`,
		Example: "  caddy jira-token audit checkpoint > checkpoint.txt      # now and then, and keep it elsewhere\n" +
			"  caddy jira-token audit verify --checkpoint checkpoint.txt\n" +
			"  caddy jira-token audit export > trail.ndjson\n" +
			"  caddy jira-token audit verify --file trail.ndjson --key caddy-jira-tokens/4f6b2a90+0bd2ff8f+AV…",
		Args: noArguments("files are named with flags"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			options, err := verifyOptions(cmd)
			if err != nil {
				return err
			}
			report, err := c.verifyTrail(cmd, options)
			if err != nil {
				return err
			}
			if err := c.print(report, func(w io.Writer) { printReport(w, report) }); err != nil || report.OK {
				return err
			}
			return errors.New("the audit trail is not what was recorded")
		}),
	}
	cmd.Flags().StringArray("checkpoint", nil, "File with a signed checkpoint, or with notices that have some, saved earlier: the trail must continue it")
	cmd.Flags().StringArray("key", nil, "Verifier key to trust, instead of those that the gateway names")
	cmd.Flags().String("file", "", "Check this export, without a gateway (- for standard input)")
	cmd.Flags().Int64("from", 0, "Number of the first event about which findings count, if earlier ones are known")
	return cmd
}

func verifyOptions(cmd *cobra.Command) (options proof.Options, err error) {
	if options.Keys, err = givenKeys(cmd); err != nil {
		return options, err
	}
	options.From, _ = cmd.Flags().GetInt64("from")
	files, _ := cmd.Flags().GetStringArray("checkpoint")
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // G304: the user names it
		if err != nil {
			return options, fmt.Errorf("--checkpoint: %w", err)
		}
		saved, err := proof.SavedIn(file, text)
		if err != nil {
			return options, fmt.Errorf("--checkpoint: %s: %w", file, err)
		}
		options.Checkpoints = append(options.Checkpoints, saved...)
	}
	return options, nil
}

func givenKeys(cmd *cobra.Command) (proof.Keys, error) {
	texts, _ := cmd.Flags().GetStringArray("key")
	keys, err := proof.ParseKeys(texts)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	return keys, nil
}

// verifyTrail verifies a file, or what the gateway sends.
func (c *client) verifyTrail(cmd *cobra.Command, options proof.Options) (proof.Report, error) {
	switch file, _ := cmd.Flags().GetString("file"); file {
	case "":
		response, err := c.request(http.MethodGet, "audit/export", nil, nil)
		if err != nil {
			return proof.Report{}, err
		}
		defer response.Body.Close()
		report, err := proof.Verify(response.Body, options)
		if err != nil {
			return report, fmt.Errorf("reading the audit trail from %s: %w", c.address, err)
		}
		return report, nil
	case "-":
		return proof.Verify(cmd.InOrStdin(), options)
	default:
		f, err := os.Open(file) //nolint:gosec // G304: the user names it
		if err != nil {
			return proof.Report{}, fmt.Errorf("--file: %w", err)
		}
		defer f.Close()
		report, err := proof.Verify(f, options)
		if err != nil {
			return report, fmt.Errorf("%s: %w", file, err)
		}
		return report, nil
	}
}

func printReport(w io.Writer, r proof.Report) {
	for _, finding := range r.Findings {
		fmt.Fprintf(w, "%s\n", shown(finding.Message))
		if finding.Expected != "" && finding.Found != "" {
			fmt.Fprintf(w, "  expected %s, found %s\n", shown(finding.Expected), shown(finding.Found))
		}
	}
	if r.More > 0 {
		fmt.Fprintf(w, "There are %d more findings.\n", r.More)
	}
	if r.OK {
		fmt.Fprintf(w, "The audit trail is what was recorded: %s", events(r.Size))
		if r.Checked > 0 {
			fmt.Fprintf(w, ", from %s to %s", r.First.UTC().Format("2006-01-02 15:04"), r.Last.UTC().Format("2006-01-02 15:04 UTC"))
		}
		fmt.Fprintln(w, ".")
	}
	if r.Removed > 0 {
		const minute = "2006-01-02 15:04 UTC"
		fmt.Fprintf(w, "%d of them, recorded from %s until %s, were removed because of their age: the last ones on %s, when the newest was %s old. Their hashes are in the tree.\n",
			r.Removed, r.RemovedFrom.UTC().Format(minute), r.RemovedUntil.UTC().Format(minute), r.RemovedAt.UTC().Format(minute), token.FormatRounded(r.RemovedAt.Sub(r.RemovedUntil)))
	}
	for _, name := range r.Matched {
		fmt.Fprintf(w, "It continues the checkpoint in %s.\n", shown(name))
	}
	fmt.Fprintf(w, "Trail %s, root %s", shown(r.Trail), shown(r.Root))
	if r.SignedBy != "" {
		fmt.Fprintf(w, ", signed by %s", shown(r.SignedBy))
	}
	fmt.Fprintln(w)
}

func proveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "proof EVENT | proof --file FILE --key KEY",
		Short: "Print a proof that an event is in the audit trail, or check one",
		Long: `Print a proof that an event is in the audit trail, or check one. EVENT is the ID of an
event, as in the output of audit --output json. The proof is a text as in
c2sp.org/tlog-proof. It contains the event and can be checked without a gateway, with
this command or other tools, by anyone who has the verifier key.`,
		Example: "  caddy jira-token audit proof 1795706778275-0 > event.tlog-proof\n" +
			"  caddy jira-token audit proof --file event.tlog-proof --key caddy-jira-tokens/4f6b2a90+0bd2ff8f+AV…",
		Args: cobra.MaximumNArgs(1),
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			keys, err := givenKeys(cmd)
			if err != nil {
				return err
			}
			file, _ := cmd.Flags().GetString("file")
			switch {
			case file != "" && len(args) == 0 && len(keys) > 0:
				return c.checkProof(file, keys)
			case file == "" && len(args) == 1:
				return c.prove(args[0], keys)
			}
			return errors.New("expected the ID of an event, or --file and --key to check a proof")
		}),
	}
	cmd.Flags().String("file", "", "Check the proof in this file, without a gateway")
	cmd.Flags().StringArray("key", nil, "Verifier key to trust")
	return cmd
}

// prove prints a proof, after checking it.
func (c *client) prove(event string, keys proof.Keys) error {
	response, err := c.request(http.MethodGet, "audit/proof/"+url.PathEscape(event), nil, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading the response of the admin API: %w", err)
	}
	if len(keys) == 0 {
		checkpoint, err := c.checkpoint()
		if err != nil {
			return err
		}
		if keys, err = proof.ParseKeys(checkpoint.Keys); err != nil {
			return err
		}
	}
	if _, _, err := checked(text, keys); err != nil {
		return err
	}
	if strings.ContainsFunc(string(text), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		return errors.New("the proof contains characters that cannot be printed")
	}
	_, err = c.out.Write(text)
	return err
}

func checked(text []byte, keys proof.Keys) (proof.Inclusion, proof.Signed, error) {
	inclusion, err := proof.ParseInclusion(text)
	if err != nil {
		return proof.Inclusion{}, proof.Signed{}, err
	}
	signed, err := inclusion.Check(keys)
	return inclusion, signed, err
}

// checkProof checks the proof in a file and prints the event.
func (c *client) checkProof(file string, keys proof.Keys) error {
	text, err := os.ReadFile(file) //nolint:gosec // G304: the user names it
	if err != nil {
		return fmt.Errorf("--file: %w", err)
	}
	inclusion, signed, err := checked(text, keys)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	result := struct {
		Trail string          `json:"trail"`
		Size  int64           `json:"size"`
		Event json.RawMessage `json:"event"`
	}{signed.Origin, signed.Size, inclusion.Event}
	return c.print(result, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n", shown(string(inclusion.Event)))
		c.progress("This is event %d of the %d in the trail %s.", inclusion.Index+1, signed.Size, shown(signed.Origin))
	})
}

// checkpoint fetches the newest signed checkpoint.
func (c *client) checkpoint() (answer admin.Checkpoint, err error) {
	response, err := c.request(http.MethodGet, "audit/checkpoint", nil, nil)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return answer, fmt.Errorf("reading the response of the admin API: %w", err)
	}
	return answer, nil
}

func checkpointCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "checkpoint > FILE",
		Short: "Print the newest signed checkpoint of the audit trail, to keep elsewhere",
		Args:  noArguments("the checkpoint is written to standard output"),
		RunE: run(func(c *client, _ *cobra.Command, _ []string) error {
			answer, err := c.checkpoint()
			if err != nil {
				return err
			}
			keys, err := proof.ParseKeys(answer.Keys)
			if err == nil {
				_, err = proof.Open([]byte(answer.Checkpoint), keys)
			}
			if err != nil {
				return fmt.Errorf("the checkpoint that the gateway sent: %w", err)
			}
			return c.print(answer, func(w io.Writer) {
				for line := range strings.Lines(answer.Checkpoint) {
					fmt.Fprintln(w, shown(strings.TrimSuffix(line, "\n")))
				}
			})
		}),
	}
}

func trailKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key [--generate]",
		Short: "Print the key with which others can verify the audit trail, or a new signing key",
		Args:  noArguments("the key is written to standard output"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			if generate, _ := cmd.Flags().GetBool("generate"); generate {
				return c.generateKey()
			}
			answer, err := c.checkpoint()
			if err != nil {
				return err
			}
			result := map[string]any{"trail": answer.Trail, "keys": answer.Keys}
			return c.print(result, func(w io.Writer) {
				for _, key := range answer.Keys {
					fmt.Fprintln(w, shown(key))
				}
				if len(answer.Keys) > 1 {
					c.progress("The gateway signs with the first key. The others are former or trusted keys.")
				}
			})
		}),
	}
	cmd.Flags().Bool("generate", false, "Print a new signing key for the configuration of all gateways")
	return cmd
}

func (c *client) generateKey() error {
	signing, _, err := tree.GenerateKey()
	if err != nil {
		return err
	}
	return c.print(map[string]string{"signing_key": signing}, func(w io.Writer) {
		fmt.Fprintln(w, signing)
		c.progress("This key is secret: keep it outside the token store, and configure all gateways with it, as in\n" +
			"jira_tokens { audit { key {env.JIRA_TOKENS_AUDIT_KEY} } }. Then run audit key to print the key with which others can verify the trail.")
	})
}

func exportTrailCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "export > trail.ndjson",
		DisableFlagsInUseLine: true,
		Short:                 "Write the audit trail with its proof to standard output, for audit verify --file",
		Args:                  noArguments("the trail is written to standard output, as in `caddy jira-token audit export > trail.ndjson`"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) { //nolint:gosec // G115: a file descriptor
				return errors.New("the trail is written byte by byte as it was recorded, which is not safe for a terminal: write it to a file, as in `caddy jira-token audit export > trail.ndjson`")
			}
			response, err := c.request(http.MethodGet, "audit/export", nil, nil)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			if n, err := io.Copy(out, response.Body); err != nil {
				return fmt.Errorf("the export was interrupted after %d bytes: %w", n, err)
			}
			return nil
		}),
	}
}

func adoptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "adopt",
		Short: "Continue an audit trail that was signed with a key that has been lost",
		Long: `Continue an audit trail that was signed with a key that this gateway does not have,
because the key has been lost. Check the trail first, with audit verify --key and the
old verifier key: afterwards, this gateway signs it as it is. The trail records that.`,
		Args: noArguments("it has no arguments"),
		RunE: run(func(c *client, _ *cobra.Command, _ []string) error {
			var answer admin.Checkpoint
			if err := c.call(http.MethodPost, "audit/adopt", nil, nil, &answer); err != nil {
				return err
			}
			return c.print(answer, func(w io.Writer) {
				fmt.Fprintf(w, "This gateway now signs the trail %s, which has %s.\n", shown(answer.Trail), events(answer.Size))
			})
		}),
	}
}

// events returns the number with the noun.
func events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
