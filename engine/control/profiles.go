package control

import (
	"context"
	"net/http"
	"net/http/pprof"
)

// profiles adds the host's profiles to the control socket, which its owner alone can open: /debug/pprof/ and what it lists.
// Nothing serves http.DefaultServeMux, where the package net/http/pprof puts itself too.
//
// A profile may take as long as its reader asks, but not longer than the engine: Close ends it early, and the reader gets
// what there is.
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
