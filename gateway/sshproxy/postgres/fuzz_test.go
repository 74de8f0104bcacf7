package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A tape is one side: what it says, and what it was told.
type tape struct {
	says io.Reader
	mu   sync.Mutex
	told bytes.Buffer
	end  chan struct{} // closed when the other side has no more; nil: it ends by itself
	once sync.Once
}

func (p *tape) Read(b []byte) (int, error) {
	n, err := p.says.Read(b)
	if err == io.EOF && p.end != nil {
		<-p.end
	}
	return n, err
}

func (p *tape) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told.Write(b)
}

func (p *tape) Close() error {
	p.once.Do(func() {
		if p.end != nil {
			close(p.end)
		}
	})
	return nil
}

func (p *tape) CloseWrite() error { return p.Close() }

// What a statement that is to be run has in the record, and the rest of one that is long.
var (
	runs      = regexp.MustCompile(`"op":"(query|execute|call)"`)
	laterPart = regexp.MustCompile(`"part":([2-9]|1\d)`)
)

// relayed gives what the server and the client were told, and the record.
func relayed(t *testing.T, client, server []byte) (toServer, toClient []byte, record []string) {
	t.Helper()
	c, s := &tape{says: bytes.NewReader(client)}, &tape{says: bytes.NewReader(server), end: make(chan struct{})}
	var mu sync.Mutex
	now := func() time.Time { return time.Unix(0, 0) }
	asked, told := 0, 0
	err := Relay(t.Context(), c, s, Options{TLS: "off", Server: "x:1", Now: now, Asked: func() { asked++ }, Record: func(v any) error {
		b, err := json.Marshal(v)
		if err != nil || len(b) > 64<<10 {
			return fmt.Errorf("an entry of %d bytes: %v", len(b), err)
		}
		mu.Lock()
		defer mu.Unlock()
		record = append(record, string(b))
		if runs.Match(b) && !laterPart.Match(b) {
			told++
		}
		return nil
	}})
	if asked != told {
		t.Errorf("%d statements are counted, and %d are in the record: %q", asked, told, record)
	}
	if err != nil && (strings.Contains(err.Error(), "panic") || strings.Contains(err.Error(), "an entry of")) {
		t.Fatal(err)
	}
	return s.told.Bytes(), c.told.Bytes(), record
}

type sends interface{ Encode([]byte) ([]byte, error) }

func messages(all ...sends) (b []byte) {
	for _, m := range all {
		b, _ = m.Encode(b)
	}
	return b
}

func started(more ...sends) []byte {
	return messages(append([]sends{&pgproto3.StartupMessage{ProtocolVersion: 196608, Parameters: map[string]string{"user": "app"}}}, more...)...)
}

// FuzzClient: whatever a client sends, nothing breaks, and what reaches the
// server is what would be read and recorded again in the same way.
func FuzzClient(f *testing.F) {
	f.Add(started(&pgproto3.Query{String: "select 1; select 'æ\xff'"}, &pgproto3.Terminate{}))
	f.Add(started(&pgproto3.Parse{Name: "s", Query: "select $1", ParameterOIDs: []uint32{25}}, &pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{nil, {0}, []byte("x")}, ParameterFormatCodes: []int16{0, 1, 0}},
		&pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Close{ObjectType: 'S', Name: "s"}, &pgproto3.Sync{}, &pgproto3.Flush{}))
	f.Add(started(&pgproto3.Query{String: "copy t from stdin"}, &pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{Message: "no"}))
	f.Add(started(&pgproto3.FunctionCall{Function: 1, ArgFormatCodes: []uint16{0}, Arguments: [][]byte{[]byte("x")}}, &pgproto3.PasswordMessage{Password: "secret"}))
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x08\x04\xd2\x16\x30"))
	f.Add([]byte("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, client []byte) {
		passed, _, record := relayed(t, client, nil)
		again, _, same := relayed(t, passed, nil)
		if n := len(again); n > len(passed) || !bytes.Equal(again, passed[:n]) && !shuffled(again, passed) {
			t.Fatalf("%q\nbecame %q\nand then %q", client, passed, again)
		}
		if len(same) > len(record) {
			t.Fatalf("recorded %q, and then %q", record, same)
		}
		if d := cmp.Diff(record[:len(same)], same); d != "" {
			t.Fatalf("recorded otherwise: %s", d)
		}
	})
}

// shuffled: the parameters of a first message have no order.
func shuffled(a, b []byte) bool {
	if len(a) < 8 || len(b) < 8 || len(a) != len(b) {
		return false
	}
	var count [256]int
	for i := range a {
		count[a[i]]++
		count[b[i]]--
	}
	return count == [256]int{}
}

// FuzzServer: whatever a server sends, nothing breaks, and all of it that is
// framed reaches the client, but for ways of SASL that bind to a channel.
func FuzzServer(f *testing.F) {
	f.Add(messages(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}}, &pgproto3.AuthenticationOk{},
		&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 2}}, &pgproto3.ReadyForQuery{TxStatus: 'I'}))
	f.Add(messages(&pgproto3.RowDescription{}, &pgproto3.DataRow{Values: [][]byte{[]byte("x"), nil}}, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")},
		&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42703", Message: "no"}, &pgproto3.ReadyForQuery{TxStatus: 'E'}))
	f.Add(messages(&pgproto3.CopyInResponse{}, &pgproto3.CopyOutResponse{}, &pgproto3.CopyData{Data: []byte("x")}, &pgproto3.NoticeResponse{Message: "x"}, &pgproto3.NotificationResponse{Channel: "c"},
		&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.EmptyQueryResponse{}, &pgproto3.PortalSuspended{}))
	f.Fuzz(func(t *testing.T, server []byte) {
		asks := started(&pgproto3.Query{String: "select 1"}, &pgproto3.Parse{Query: "select 2"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
		_, got, _ := relayed(t, asks, server)
		var offer pgproto3.AuthenticationSASL
		kind, n, err := frame(bytes.NewReader(server))
		if err != nil || kind != 'R' || len(server) < 5+n || offer.Decode(server[5:5+n]) != nil {
			return
		}
		_, n, err = frame(bytes.NewReader(got))
		if err == nil && len(got) >= 5+n && got[0] == 'R' && bytes.Contains(got[:5+n], []byte("-PLUS\x00")) {
			t.Fatalf("%q became %q", server, got)
		}
	})
}

func TestAnOfferOfSASLIsUnbound(t *testing.T) {
	offer := messages(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "OAUTHBEARER"}})
	_, got, _ := relayed(t, started(), offer)
	if want := messages(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256", "OAUTHBEARER"}}); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextIsCutBetweenWords(t *testing.T) {
	for _, text := range []string{"", "select 1", strings.Repeat("x", 100_000), strings.Repeat("word \x01\n", 30_000), strings.Repeat("æ€😀", 20_000), strings.Repeat("\x00", 50_000)} {
		all := parts(text)
		if strings.Join(all, "") != text {
			t.Errorf("%.10q is not whole in %d parts", text, len(all))
		}
		for i, p := range all {
			if quoted(p) > partMost+2 {
				t.Errorf("%.10q: part %d has %d bytes", text, i, quoted(p))
			}
			if i < len(all)-1 && strings.Contains(text, "word") && !strings.HasSuffix(p, " ") && !strings.HasSuffix(p, "\n") {
				t.Errorf("a word is torn apart: %q", p[len(p)-10:])
			}
		}
	}
}

func FuzzParts(f *testing.F) {
	f.Add("select 1")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.Repeat(utf8(text), 2000)[:min(200_000, 2000*len(utf8(text)))]
		if got := strings.Join(parts(utf8(text)), ""); got != utf8(text) {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
	})
}
