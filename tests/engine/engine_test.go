package engine_test

import (
	"path/filepath"
	"testing"

	"lockbox/recorder/ledger"
	"lockbox/recorder/ledger/boltengine"
	"lockbox/tests/engine"
)

func TestBoltEngine(t *testing.T) {
	engine.Test(t, func(t *testing.T) engine.Opener {
		path := filepath.Join(t.TempDir(), "ledger.db")
		return func() (ledger.Engine, error) { return boltengine.Open(path) }
	})
}

func TestMemory(t *testing.T) {
	engine.Test(t, func(*testing.T) engine.Opener { return new(engine.Memory).Open })
}
