package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit [--owner NAME] [--token ID] [--action ACTION,…] [--actor NAME] [--project KEY] [--since 24h] [--until …] [--follow]",
		Short: "Show what happened: changes to tokens, denied requests and changes in Jira",
		Example: "  caddy jira-token audit --owner alice@example.com --since 7d\n" +
			"  caddy jira-token audit --action denied,write --follow\n" +
			"  caddy jira-token audit --project ACME --since 2027-01-01 --until 2027-02-01 --output csv > january.csv",
		Args: noArguments("values with spaces must be in quotes"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			if id, _ := cmd.Flags().GetString("token"); id != "" && !token.ValidID(id) {
				return errors.New("--token: expected the token's ID, the 10 characters after jt_")
			}
			limit, _ := cmd.Flags().GetInt("limit")
			if limit < 0 {
				return fmt.Errorf("--limit: invalid limit %d: expected a positive number, or 0 for no limit", limit)
			}
			follow, _ := cmd.Flags().GetBool("follow")
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			reader := trailReader{
				client: c, printer: newEventPrinter(c), follow: follow, left: limit, limited: limit > 0,
				query: givenFlags(cmd, "owner", "token", "action", "actor", "project", "since", "until"),
			}
			return reader.read(ctx)
		}),
	}
	flags := cmd.Flags()
	flags.String("owner", "", "Only events about this owner's tokens")
	flags.String("token", "", "Only events about the token with this ID")
	flags.String("action", "", "Only events with one of these actions, such as create, revoke, denied or write")
	flags.String("actor", "", "Only events caused by this actor: a name, an address, admin, client or system")
	flags.String("project", "", "Only requests that concern the project with this key")
	flags.String("since", "", "Only events since then: how long ago (24h, 7d), a date or a time")
	flags.String("until", "", "Only events before then: how long ago, a date or a time")
	flags.Int("limit", 0, "Maximum number of events, the oldest ones (0 means no limit)")
	flags.BoolP("follow", "f", false, "Keep printing new events until interrupted")
	cmd.AddCommand(proofCommands()...)
	return cmd
}

// trailReader prints the audit trail.
type trailReader struct {
	*client
	printer eventPrinter
	query   url.Values
	// follow means to continue with new events as they arrive.
	follow bool
	// left is how many events to print at most, if limited is set.
	left    int
	limited bool
	// answered is set once the gateway has answered, and silent while it does not.
	answered, silent bool
}

// followInterval is how often the trail is read while it is followed.
const followInterval = time.Second

func (t *trailReader) read(ctx context.Context) error {
	for shown := 0; ctx.Err() == nil; {
		page, err := t.page()
		switch {
		case err == nil:
		case t.follow && t.answered:
			// The gateway restarts, perhaps. The cursor says where to continue.
			t.lost(err)
			sleep(ctx, followInterval)
			continue
		default:
			return err
		}
		for _, event := range page.Events {
			if err := t.printer.print(event); err != nil {
				return err
			}
		}
		shown += len(page.Events)
		t.left -= len(page.Events)
		t.query.Set("cursor", page.Next)
		switch {
		case t.limited && t.left <= 0:
			if page.More {
				t.progress("These are the oldest %d; there may be more.", shown)
			}
			return nil
		case page.More:
		case t.follow:
			sleep(ctx, followInterval)
		default:
			if shown == 0 {
				t.progress("No events.")
			}
			return nil
		}
	}
	return nil
}

func (t *trailReader) page() (admin.EventPage, error) {
	size := admin.MaxPageSize
	if t.limited {
		size = min(size, t.left)
	}
	t.query.Set("limit", strconv.Itoa(size))
	var page admin.EventPage
	if err := t.call(http.MethodGet, "audit", t.query, nil, &page); err != nil {
		return page, err
	}
	if t.silent {
		t.progress("The gateway answers again.")
	}
	t.answered, t.silent = true, false
	return page, nil
}

// lost says once that the gateway does not answer.
func (t *trailReader) lost(err error) {
	if !t.silent {
		t.progress("%s. Waiting for the gateway to answer again …", err)
	}
	t.silent = true
}

// sleep waits, or returns once ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
