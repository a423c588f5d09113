package command

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// fieldFlags adds the flags for a token's fields to create or, if create is false,
// to update.
func fieldFlags(cmd *cobra.Command, create bool) {
	for _, field := range token.Fields() {
		if field.CreateOnly && !create {
			continue
		}
		help, value := field.Help, ""
		if create {
			value = field.Default
		}
		if create && field.Required {
			help += " (required)"
		}
		for _, part := range field.Parts {
			help := part.Help
			if !create {
				help += "; '' removes it"
			}
			addFlag(cmd, part.Flag, part.Zero, "", help)
		}
		if create && field.Parts != nil {
			continue // a new token has nothing to take away
		}
		if field.Flag == "" {
			continue
		}
		addFlag(cmd, field.Flag, field.Zero, value, help)
		if create && field.Required && field.Name != "owner" { // kindFlags requires the owner
			_ = cmd.MarkFlagRequired(field.Flag) // fails only if there is no such flag
		}
	}
}

// addFlag adds a flag of the type of zero.
func addFlag(cmd *cobra.Command, name string, zero any, value, help string) {
	switch zero := zero.(type) {
	case bool:
		cmd.Flags().Bool(name, zero, help)
	case []string:
		cmd.Flags().StringArray(name, zero, help)
	default:
		cmd.Flags().String(name, value, help)
	}
}

// kindFlags adds the flags for the kinds of owners other than users.
func kindFlags(cmd *cobra.Command) {
	cmd.Flags().Bool("service", false, "The owner is a service rather than a person with an account in Jira")
	cmd.Flags().String("external", "", "Owner outside the organization, without an account in Jira, instead of --owner; requires --purpose and --responsible")
}

// setKind sets the fields that kindFlags are for. It returns an error if the flags name
// no owner, or several.
func setKind(cmd *cobra.Command, fields map[string]any) error {
	service, _ := cmd.Flags().GetBool("service")
	external, _ := cmd.Flags().GetString("external")
	switch {
	case cmd.Flags().Changed("external") && (service || fields["owner"] != nil):
		return errors.New("--external: it names the owner, and an external person is not a service: leave --owner and --service out")
	case cmd.Flags().Changed("external"):
		fields["kind"], fields["owner"] = "external", external
	case fields["owner"] == nil:
		return errors.New("--owner: missing: name the user or service that the token is for, or an external person with --external")
	case service:
		fields["kind"] = "service"
	}
	return nil
}

// aboutOwner makes an error about the owner name the flag that named the owner.
func aboutOwner(cmd *cobra.Command, err error) error {
	if what, ok := strings.CutPrefix(err.Error(), "--owner: "); ok && cmd.Flags().Changed("external") {
		return errors.New("--external: " + what)
	}
	return err
}

// checkFlag adds the flag for confining a token without asking Jira.
func checkFlag(cmd *cobra.Command) {
	cmd.Flags().Bool("no-check", false, "Do not ask Jira whether the projects and hidden fields exist and the JQL is valid")
}

func setCheck(cmd *cobra.Command, fields map[string]any) {
	if off, _ := cmd.Flags().GetBool("no-check"); off {
		fields["check"] = false
	}
}

// flagError says what is wrong with a flag and where its help is.
func flagError(cmd *cobra.Command, err error) error {
	if invalid := new(pflag.InvalidValueError); errors.As(err, &invalid) {
		expected := "a whole number"
		if invalid.GetFlag().Value.Type() == "bool" {
			expected = "true or false"
		}
		return fmt.Errorf("--%s: invalid value %q: expected %s", invalid.GetFlag().Name, invalid.GetValue(), expected)
	}
	path := strings.TrimPrefix(cmd.CommandPath(), "caddy ") // there is no caddy if tests call addCommands
	return fmt.Errorf("%w; for the flags, see `caddy %s --help`", err, path)
}

// updateFlags returns the flags of the fields that can be changed.
func updateFlags() []string {
	var flags []string
	for _, field := range token.Fields() {
		if field.CreateOnly {
			continue
		}
		for _, part := range field.Parts {
			flags = append(flags, "--"+part.Flag)
		}
		if field.Flag != "" {
			flags = append(flags, "--"+field.Flag)
		}
	}
	return flags
}

// changedFields returns the fields whose flags are set.
func changedFields(cmd *cobra.Command) map[string]any {
	fields := make(map[string]any)
	for _, field := range token.Fields() {
		if field.Parts != nil {
			if parts := changedParts(cmd, field); len(parts) > 0 {
				fields[field.Name] = parts
			}
		} else if value := flagValue(cmd, field.Flag, field.Zero); value != nil {
			fields[field.Name] = value
		}
	}
	return fields
}

// changedParts returns the parts of a field whose flags were given. With the
// field's own flag, all others are empty.
func changedParts(cmd *cobra.Command, field token.Field) map[string]any {
	parts := make(map[string]any)
	clear := flagValue(cmd, field.Flag, field.Zero) == true
	for _, part := range field.Parts {
		value := flagValue(cmd, part.Flag, part.Zero)
		if value == nil && clear {
			value = part.Zero
			if _, ok := value.([]string); ok {
				value = []string{} // null would leave it as it is
			}
		}
		if value != nil {
			parts[part.Name] = value
		}
	}
	return parts
}

// flagValue returns the value of a flag of the type of zero; nil if it was not
// given.
func flagValue(cmd *cobra.Command, name string, zero any) any {
	if name == "" || !cmd.Flags().Changed(name) {
		return nil
	}
	switch zero.(type) {
	case bool:
		value, _ := cmd.Flags().GetBool(name)
		return value
	case []string:
		values, _ := cmd.Flags().GetStringArray(name)
		if len(values) == 1 && values[0] == "" {
			values = []string{}
		}
		return values
	}
	value, _ := cmd.Flags().GetString(name)
	return value
}

// flagNames maps the names that the admin API's errors begin with to flags.
func flagNames() map[string]string {
	names := map[string]string{
		"version": "version", "overlap": "overlap", "state": "state", "kind": "kind", "reason": "reason", "since": "since", "until": "until", "action": "action", "actor": "actor", "project": "project", "limit": "limit", "from": "from", "token": "token",
		"network": "network", "expiring": "expiring", "unused": "unused", "never_used": "never-used", "used_after": "used-after", "used_before": "used-before",
		"created_after": "created-after", "created_before": "created-before", "sort": "sort",
		"check": "no-check", "to": "to", "for": "for",
		"cloud": "cloud", "jira": "jira", "user": "user", "scoped": "scoped", "api_url": "api-url", "token_url": "token-url",
	}
	for _, field := range token.Fields() {
		if field.Parts == nil && field.Flag != "" {
			names[field.Name] = field.Flag
		}
		for _, part := range field.Parts {
			names[field.Name+": "+part.Name] = part.Flag
		}
	}
	return names
}

// withFlag replaces the name of a field that an error of the admin API begins with by the
// field's flag. The name of a field with parts stands for all of their flags.
func withFlag(message string) string {
	names := flagNames()
	for _, field := range token.Fields() {
		var flags []string
		for _, part := range field.Parts {
			flags = append(flags, part.Flag)
		}
		if flags != nil {
			names[field.Name] = strings.Join(flags, ", --")
		}
	}
	longest := ""
	for name := range names {
		if strings.HasPrefix(message, name+": ") && len(name) > len(longest) {
			longest = name
		}
	}
	if longest == "" {
		return message
	}
	return "--" + names[longest] + message[len(longest):]
}

// printFields calls row for each field of a token that is displayed.
func printFields(row func(name, value string), view admin.Token) {
	for _, field := range token.Fields() {
		if field.Label == "" {
			continue
		}
		if text := fieldText(field, view.Record); text != "" {
			row(field.Label, text)
		}
	}
}

// labelOf returns the label of the field with this name.
func labelOf(name string) string {
	for _, field := range token.Fields() {
		if field.Name == name && field.Label != "" {
			return field.Label
		}
	}
	return name
}

func fieldText(field token.Field, record *token.Record) string {
	if field.Text != nil {
		return field.Text(record)
	}
	switch value := field.Value(record).(type) {
	case *time.Time:
		if value == nil {
			return field.Empty
		}
		return when(*value)
	default:
		return fmt.Sprint(value)
	}
}
