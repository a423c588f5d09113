package pool

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger returns a logger for a store. A store outlives the configuration that
// created it, so it logs to the logger of the running configuration.
func newLogger(name string) *zap.Logger { return zap.New(runningCore{}).Named("jira_tokens." + name) }

// runningCore delegates to the core of Caddy's current logger.
type runningCore struct{ fields []zapcore.Field }

func (c runningCore) running() zapcore.Core { return caddy.Log().Core().With(c.fields) }

func (c runningCore) Enabled(level zapcore.Level) bool { return caddy.Log().Core().Enabled(level) }

func (c runningCore) With(fields []zapcore.Field) zapcore.Core {
	return runningCore{slices.Concat(c.fields, fields)}
}

func (c runningCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.running().Check(entry, checked)
}

func (c runningCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	return c.running().Write(entry, fields)
}

func (c runningCore) Sync() error { return caddy.Log().Core().Sync() }
