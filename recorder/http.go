package recorder

// An HTTPObject is one object of an http track: a head, a piece of a body or of a
// WebSocket, or what an exchange came to. See FORMAT.md.
type HTTPObject struct {
	Op       string        `json:"op"` // HTTPExchange, …
	N        uint64        `json:"n"`  // of the exchange, on its track
	Request  *HTTPRequest  `json:"request,omitempty"`
	Response *HTTPResponse `json:"response,omitempty"`

	From   string `json:"from,omitempty"` // of a body or frame: "client", "server"
	Type   string `json:"type,omitempty"` // of a frame: "text", "binary", "close", "ping", "pong", or its opcode
	Field  string `json:"field,omitempty"`
	File   string `json:"file,omitempty"`
	Code   int    `json:"code,omitempty"` // of a close
	Text   string `json:"text,omitempty"`
	Data   []byte `json:"data,omitempty"`  // in place of Text: bytes that are not UTF-8, in base64
	Bytes  int64  `json:"bytes,omitempty"` // of a frame or a part of a form, when it is over
	SHA256 string `json:"sha256,omitempty"`
	More   bool   `json:"more,omitempty"` // of a frame or part: the next object of this exchange, from there, goes on with it

	Outcome string      `json:"outcome,omitempty"` // of an end
	Milli   float64     `json:"ms,omitempty"`      // from the beginning to the end
	In      *HTTPBody   `json:"in,omitempty"`      // what went to the target
	Out     *HTTPBody   `json:"out,omitempty"`
	Trailer [][2]string `json:"trailer,omitempty"`
}

// An HTTPRequest is the head of a request, as the browser sent it.
type HTTPRequest struct {
	ID     string      `json:"id"` // correlation id
	Client string      `json:"client,omitempty"`
	Method string      `json:"method"`
	Host   string      `json:"host"`
	Scheme string      `json:"scheme,omitempty"` // that the client used; "": https
	URL    string      `json:"url"`              // path and query
	Proto  string      `json:"proto"`
	Header [][2]string `json:"header,omitempty"`
	More   int         `json:"more,omitempty"` // fields that are not written down
}

// An HTTPResponse is the head of an answer. Times are in ms since the exchange began.
type HTTPResponse struct {
	Status int         `json:"status"`
	Proto  string      `json:"proto,omitempty"` // "": Lockbox answered
	Header [][2]string `json:"header,omitempty"`
	More   int         `json:"more,omitempty"` // fields that are not written down

	New  bool    `json:"new,omitempty"`  // a connection to the target was made for it
	Conn float64 `json:"conn,omitempty"` // there was a connection
	Sent float64 `json:"sent,omitempty"` // the request was written
	Head float64 `json:"head"`           // the head was there
}

// An HTTPBody is what came of a body, or of one direction of a WebSocket.
type HTTPBody struct {
	Bytes    int64  `json:"bytes"`
	Kept     int64  `json:"kept,omitempty"`
	SHA256   string `json:"sha256,omitempty"`
	Messages int64  `json:"messages,omitempty"`
}

// Where a piece of a body or of a WebSocket came from.
const (
	FromClient = "client"
	FromServer = "server"
)

// Ops of HTTPObject.
const (
	HTTPExchange = "exchange"
	HTTPBodyOp   = "body"
	HTTPFrame    = "frame"
	HTTPProgress = "progress" // what passed so far, of an exchange that takes long
	HTTPEnd      = "end"
)
