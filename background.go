package jiratokens

import "context"

// goInService runs f in the background, with a context that is done once this
// configuration is replaced or the store is closed.
func (a *App) goInService(f func(ctx context.Context)) {
	a.tokens.Go(func(ctx context.Context) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(a.ctx, stop)()
		f(ctx)
	})
}
