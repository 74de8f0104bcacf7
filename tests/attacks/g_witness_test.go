package attacks

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"lockbox/gateway"
	"lockbox/recorder/proof"
	"lockbox/recorder/witness"
	"lockbox/tests/world"
)

// witnessed gives the world one witness, asked over HTTP, and its rule the wish
// for it. first is called with where the witness is before anybody asks it.
func witnessed(t *testing.T, w *world.World, first func(url string)) {
	t.Helper()
	skey, vkey, err := proof.NewWitnessKey("w.test")
	must(t, err)
	own, err := proof.NewCosignatureVerifier(vkey)
	must(t, err)
	o := witness.Options{Key: skey, Own: own, State: t.TempDir(), Logs: []witness.Log{{Origin: world.Log, Key: w.Keys.LogVerifier}}, Now: time.Now}
	must(t, witness.Begin(o.State, o.Logs))
	wit, err := witness.New(o)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	h := wit.Server(func(err error) { t.Error(err) })
	served := make(chan struct{})
	go func() { defer close(served); _ = h.Serve(l) }()
	url := "http://" + l.Addr().String()
	first(url)
	a := &witness.Asker{
		Origin: world.Log, Key: w.Keys.LogVerifier, Log: w.Ledger.Main(), Peers: []witness.Peer{{Name: "w", Key: own, URL: url}},
		Keep: w.Ledger.Cosign, Now: time.Now, Report: func(err error) { t.Log(err) },
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { defer close(ran); _ = a.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ran; _ = h.Close(); <-served; _ = wit.Close() })
	w.Gateway.Witnesses, w.Gateway.Patience = a, time.Second
	wantWitnesses(w, 1)
}

func wantWitnesses(w *world.World, k int) {
	p := *w.Policy()
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Witnesses = k
	w.SetPolicy(&p)
}

func wantNoWitness(t *testing.T, w *world.World) {
	t.Helper()
	v, _, err := w.Visit(t, w.Eng, knock(w.Eng))
	var end *gateway.Ending
	if v != nil || !errors.As(err, &end) || end.Code != gateway.NoWitness {
		t.Errorf("got %v, %v, want %s", v, err, gateway.NoWitness)
	}
}

// TestG21WhatWasSignedWithWitnessesNeedsThemWhateverTheRuleSaysLater: who approved
// signed that the log is cosigned; an operator who takes that out of the rule, and
// the witnesses out of the configuration, opens nothing with those votes.
func TestG21WhatWasSignedWithWitnessesNeedsThemWhateverTheRuleSaysLater(t *testing.T) {
	w := newWorld(t)
	witnessed(t, w, func(string) {})
	code := w.Grant(t, w.Eng, time.Hour)
	seen, err := w.Desk.See(t.Context(), w.Ceo.Principal, code)
	must(t, err)
	for _, v := range seen.Request.Votes {
		if !strings.Contains(string(v.Statement), "\nconditions: cosigned by 1 of the witnesses\n") {
			t.Errorf("what was signed does not say so:\n%s", v.Statement)
		}
	}
	wantWitnesses(w, 0)
	w.Gateway.Witnesses = nil
	wantNoWitness(t, w)
}

// TestG22AThiefOfTheLogsKeyCannotGoOnBesideAWitness: a second history is signed
// with the log's own key and shown to the witness first. The real log is not
// cosigned any more, so nothing opens, and nobody is deceived.
func TestG22AThiefOfTheLogsKeyCannotGoOnBesideAWitness(t *testing.T) {
	w := newWorld(t)
	forged, err := proof.Sign(world.Log, tlog.Tree{N: 1 << 20, Hash: tlog.RecordHash([]byte("a history without the session"))}, w.Keys.Log)
	must(t, err)
	witnessed(t, w, func(url string) {
		resp, err := http.Post(url+"/add-checkpoint", "text/plain", strings.NewReader("old 0\n\n"+string(forged)))
		must(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("got %s", resp.Status)
		}
	})
	w.Grant(t, w.Eng, time.Hour)
	wantNoWitness(t, w)
}
