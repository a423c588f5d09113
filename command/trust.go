package command

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
)

func trustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Look at what JWTs of other issuers can be exchanged for",
	}
	cmd.AddCommand(testTrustCommand())
	return cmd
}

func testTrustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "test [--jwt-file FILE]",
		Short:   "Explain what a JWT can be exchanged for, and why each rule applies or not",
		Long:    "Explain what a JWT can be exchanged for, and why each rule applies or not. The JWT is read from standard input, or from a file. It is verified, but not exchanged, and may have expired.",
		Example: "  caddy jira-token trust test < jwt",
		Args:    noArguments("the JWT is read from standard input, or from --jwt-file"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			jwt, err := readJWT(cmd)
			if err != nil {
				return err
			}
			var explanation admin.TrustExplanation
			if err := c.call(http.MethodPost, "trust/test", nil, map[string]any{"jwt": jwt}, &explanation); err != nil {
				return err
			}
			if err := c.print(explanation, func(w io.Writer) { printExplanation(w, &explanation) }); err != nil {
				return err
			}
			if !explanation.Accepted {
				return errors.New("the JWT cannot be exchanged: " + explanation.Why)
			}
			return nil
		}),
	}
	cmd.Flags().String("jwt-file", "", "File with the JWT (default: standard input)")
	return cmd
}

// maxJWT is more than the gateway accepts, in bytes.
const maxJWT = 64 << 10

// readJWT reads the JWT that a command is about.
func readJWT(cmd *cobra.Command) (string, error) {
	from := cmd.InOrStdin()
	if path, _ := cmd.Flags().GetString("jwt-file"); path != "" {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, maxJWT))
	return strings.TrimSpace(string(text)), err
}

func printExplanation(w io.Writer, e *admin.TrustExplanation) {
	if e.Issuer != "" {
		fmt.Fprintf(w, "issuer   %s\n", e.Issuer)
		for _, name := range slices.Sorted(maps.Keys(e.Claims)) {
			fmt.Fprintf(w, "claim    %s: %q\n", name, fmt.Sprint(e.Claims[name]))
		}
	}
	for _, rule := range e.Rules {
		if rule.Matches {
			fmt.Fprintf(w, "rule     %s: matches\n", rule.Rule)
		} else {
			fmt.Fprintf(w, "rule     %s: %s\n", rule.Rule, rule.Why)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(e.Token)) {
		fmt.Fprintf(w, "token    %s: %s\n", field, e.Token[field])
	}
	if e.Lifetime != "" {
		fmt.Fprintf(w, "token    lifetime: %s\n", e.Lifetime)
	}
}
