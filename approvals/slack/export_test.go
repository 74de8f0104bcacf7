package slack

import (
	"context"
	"maps"
	"slices"
)

// Tidy is what is done every minute.
func (s *Slack) Tidy(ctx context.Context) error { return s.tidy(ctx) }

// Routes are the paths that the handler serves.
func Routes() []string { return slices.Sorted(maps.Keys(routes())) }
