package control

import (
	"context"
	"net/http"
	"net/http/pprof"
)

// profiles adds the host's profiles to the control socket, which only its owner
// can open: /debug/pprof/ and what that page lists. Package net/http/pprof also
// registers itself in http.DefaultServeMux, which nothing serves.
//
// A profile may take as long as its reader asks, but no longer than the engine
// lives: Close ends it early, and the reader gets what there is.
func (s *Server) profiles() {
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /debug/pprof/":        pprof.Index,
		"GET /debug/pprof/cmdline": pprof.Cmdline,
		"GET /debug/pprof/profile": pprof.Profile,
		"GET /debug/pprof/symbol":  pprof.Symbol,
		"POST /debug/pprof/symbol": pprof.Symbol,
		"GET /debug/pprof/trace":   pprof.Trace,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			go func() {
				select {
				case <-s.closing:
					cancel()
				case <-ctx.Done():
				}
			}()
			h(w, r.WithContext(ctx))
		})
	}
}
