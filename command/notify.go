package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
)

func notifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify list|test",
		Short: "Show who gets notices, and send a test notice",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errors.New("unknown command of notify: expected list or test")
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(listReceiversCommand(), testReceiversCommand())
	return cmd
}

func listReceiversCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the webhooks that get notices, and what waits for them",
		Args:  nothingElse,
		RunE: run(func(c *client, _ *cobra.Command, _ []string) error {
			var answer admin.Receivers
			if err := c.call(http.MethodGet, "notices", nil, nil, &answer); err != nil {
				return err
			}
			if len(answer.Receivers) == 0 {
				c.progress("No webhooks: notices are Caddy events and log lines only.")
			}
			return c.print(answer, func(w io.Writer) { printReceivers(w, c.width, answer) })
		}),
	}
}

func printReceivers(w io.Writer, width int, answer admin.Receivers) {
	if len(answer.Receivers) == 0 {
		return
	}
	lines := [][]string{{"NAME", "STATE", "WAITING", "DELIVERED", "DROPPED", "LAST SUCCESS", "LAST ERROR"}}
	for _, r := range answer.Receivers {
		last := "-"
		if !r.LastSuccess.IsZero() {
			last = r.LastSuccess.UTC().Format(time.DateTime)
		}
		problem := r.Error
		if problem == "" {
			problem = "-"
		}
		lines = append(lines, []string{
			r.Name, r.State, strconv.Itoa(r.Waiting), strconv.FormatUint(r.Delivered, 10), strconv.FormatUint(r.Dropped, 10), last, problem,
		})
	}
	printTable(w, width, lines, 0, 6)
}

func testReceiversCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [--url URL]",
		Short: "Send a test notice to all webhooks, and show what they answer",
		Args:  nothingElse,
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			url, _ := cmd.Flags().GetString("url")
			var answer admin.TestedReceivers
			if err := c.call(http.MethodPost, "notices/test", nil, map[string]any{"url": url}, &answer); err != nil {
				return err
			}
			if len(answer.Receivers) == 0 {
				c.progress("No webhooks: the test notice is a Caddy event and a log line only.")
			}
			failed := 0
			err := c.print(answer, func(w io.Writer) {
				for _, r := range answer.Receivers {
					fmt.Fprintf(w, "%s: %s (%d ms)\n", r.Name, r.Answer, r.Took)
				}
			})
			for _, r := range answer.Receivers {
				if !r.OK {
					failed++
				}
			}
			if err == nil && failed > 0 {
				err = fmt.Errorf("%d of %d webhooks did not accept the test notice", failed, len(answer.Receivers))
			}
			return err
		}),
	}
	cmd.Flags().String("url", "", "Only the webhook with this URL or name")
	return cmd
}
