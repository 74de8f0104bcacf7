package attacks

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// A raw is a client that sends any packet whatever, at any time: what a client
// that keeps to the protocol cannot.
type raw struct {
	net.Conn
	r       *bufio.Reader
	banner  string // the server's version
	init    []byte // the server's KEXINIT
	session []byte // id; nil before the key exchange
	in, out seal   // nil before the key exchange
}

// Message numbers (RFC 4250, 4.1; OpenSSH's PROTOCOL, 1.9).
const (
	msgDisconnect     = 1
	msgIgnore         = 2
	msgUnimplemented  = 3
	msgDebug          = 4
	msgServiceRequest = 5
	msgServiceAccept  = 6
	msgExtInfo        = 7
	msgKexInit        = 20
	msgNewKeys        = 21
	msgKexInitECDH    = 30
	msgAuthRequest    = 50
	msgAuthFailure    = 51
	msgAuthSuccess    = 52
	msgAuthPKOK       = 60
	msgInfoResponse   = 61
	msgGlobalRequest  = 80
	msgRequestSuccess = 81
	msgRequestFailure = 82
	msgChannelOpen    = 90
	msgOpenConfirm    = 91
	msgOpenFailure    = 92
	msgChannelData    = 94
	msgChannelRequest = 98
	msgChannelSuccess = 99
	msgPing           = 192
)

const rawVersion = "SSH-2.0-OpenSSH_raw"

// connect opens a connection and says nothing.
func connect(t testing.TB, addr string) *raw {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	must(t, c.SetDeadline(time.Now().Add(15*time.Second)))
	return &raw{Conn: c, r: bufio.NewReader(c)}
}

// hello says the versions, and takes the server's KEXINIT.
func (r *raw) hello() error {
	if _, err := io.WriteString(r, rawVersion+"\r\n"); err != nil {
		return err
	}
	line, err := r.r.ReadString('\n')
	if err != nil {
		return err
	}
	r.banner = strings.TrimRight(line, "\r\n")
	r.init, err = r.take()
	return err
}

// kexInit is a KEXINIT with one key exchange, cipher and MAC.
func kexInit(kex, cipher, mac string) []byte {
	p := append([]byte{msgKexInit}, make([]byte, 16)...)
	_, _ = rand.Read(p[1:]) // never fails
	for _, list := range []string{kex, "ssh-ed25519", cipher, cipher, mac, mac, "none", "none", "", ""} {
		p = text(p, list)
	}
	return append(p, 0, 0, 0, 0, 0)
}

func text[T string | []byte](p []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint32(p, uint32(len(s))), s...)
}

// exchange agrees on keys, with AES-GCM or with AES-CTR and a MAC.
func (r *raw) exchange(gcm bool) error {
	mine := kexInit("curve25519-sha256,ext-info-c,kex-strict-c-v00@openssh.com", "aes256-ctr", "hmac-sha2-256-etm@openssh.com")
	if gcm {
		mine = kexInit("curve25519-sha256,ext-info-c,kex-strict-c-v00@openssh.com", "aes256-gcm@openssh.com", "")
	}
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := errors.Join(r.send(mine), r.send(text([]byte{msgKexInitECDH}, key.PublicKey().Bytes()))); err != nil {
		return err
	}
	reply, err := r.take()
	if err != nil {
		return err
	}
	var m struct {
		HostKey, Public, Signature []byte `sshtype:"31"`
	}
	if err := ssh.Unmarshal(reply, &m); err != nil {
		return err
	}
	theirs, err := ecdh.X25519().NewPublicKey(m.Public)
	if err != nil {
		return err
	}
	shared, err := key.ECDH(theirs)
	if err != nil {
		return err
	}
	k := mpint(shared)
	var b []byte
	for _, s := range [][]byte{[]byte(rawVersion), []byte(r.banner), mine, r.init, m.HostKey, key.PublicKey().Bytes(), m.Public} {
		b = text(b, s)
	}
	h := sha256.Sum256(append(b, k...))
	r.session = h[:]
	if err := r.send([]byte{msgNewKeys}); err != nil {
		return err
	}
	if p, err := r.take(); err != nil || p[0] != msgNewKeys {
		return fmt.Errorf("no NEWKEYS but %v: %w", p, err)
	}
	derive := func(which byte) []byte {
		sum := sha256.Sum256(bytes.Join([][]byte{k, h[:], {which}, r.session}, nil))
		return sum[:]
	}
	r.out, r.in = newSeal(gcm, derive('C'), derive('A'), derive('E')), newSeal(gcm, derive('D'), derive('B'), derive('F'))
	return nil
}

func mpint(b []byte) []byte {
	n := new(big.Int).SetBytes(b).Bytes()
	if len(n) > 0 && n[0]&0x80 != 0 {
		n = append([]byte{0}, n...)
	}
	return text(nil, n)
}

// A seal is one direction of an encrypted connection.
type seal interface {
	// seal gives what goes over the wire for a length, as claimed, and a plain text.
	seal(length uint32, plain []byte) []byte
	open(r io.Reader) (plain []byte, err error)
}

func newSeal(gcm bool, key, iv, mac []byte) seal {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	if !gcm {
		return &ctrSeal{cipher.NewCTR(block, iv[:16]), hmac.New(sha256.New, mac), 0}
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has blocks of 16 bytes
	}
	return &gcmSeal{a, iv[:12]}
}

type gcmSeal struct {
	aead cipher.AEAD
	iv   []byte
}

func (s *gcmSeal) next() {
	binary.BigEndian.PutUint64(s.iv[4:], binary.BigEndian.Uint64(s.iv[4:])+1)
}

func (s *gcmSeal) seal(length uint32, plain []byte) []byte {
	defer s.next()
	head := binary.BigEndian.AppendUint32(nil, length)
	return s.aead.Seal(bytes.Clone(head), s.iv, plain, head)
}

func (s *gcmSeal) open(r io.Reader) ([]byte, error) {
	defer s.next()
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head)+16)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return s.aead.Open(nil, s.iv, body, head)
}

// ctrSeal encrypts, then authenticates; the length stays in the clear.
type ctrSeal struct {
	stream cipher.Stream
	mac    hash.Hash
	number uint32 // of packets: a strict key exchange begins at 0
}

func (s *ctrSeal) sum(head, body []byte) []byte {
	s.mac.Reset()
	s.mac.Write(binary.BigEndian.AppendUint32(nil, s.number))
	s.mac.Write(head)
	s.mac.Write(body)
	s.number++
	return s.mac.Sum(nil)
}

func (s *ctrSeal) seal(length uint32, plain []byte) []byte {
	head, body := binary.BigEndian.AppendUint32(nil, length), make([]byte, len(plain))
	s.stream.XORKeyStream(body, plain)
	return bytes.Join([][]byte{head, body, s.sum(head, body)}, nil)
}

func (s *ctrSeal) open(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head)+32)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	body, mac := body[:len(body)-32], body[len(body)-32:]
	if !hmac.Equal(mac, s.sum(head, body)) {
		return nil, errors.New("the MAC is wrong")
	}
	s.stream.XORKeyStream(body, body)
	return body, nil
}

// packet is a payload with its padding, and its length.
func packet(payload []byte, sealed bool) []byte {
	head := 4 // counts for the alignment where it is encrypted, too
	if sealed {
		head = 0
	}
	pad := 16 - (head+1+len(payload))%16
	if pad < 4 {
		pad += 16
	}
	return append(append([]byte{byte(pad)}, payload...), make([]byte, pad)...)
}

// send sends one packet.
func (r *raw) send(payload []byte) error {
	p := packet(payload, r.out != nil)
	var wire []byte
	if r.out == nil {
		wire = append(binary.BigEndian.AppendUint32(nil, uint32(len(p))), p...)
	} else {
		wire = r.out.seal(uint32(len(p)), p)
	}
	_, err := r.Write(wire)
	return err
}

// take gives the payload of the next packet.
func (r *raw) take() ([]byte, error) {
	var p []byte
	if r.in != nil {
		var err error
		if p, err = r.in.open(r.r); err != nil {
			return nil, err
		}
	} else {
		head := make([]byte, 4)
		if _, err := io.ReadFull(r.r, head); err != nil {
			return nil, err
		}
		p = make([]byte, binary.BigEndian.Uint32(head))
		if _, err := io.ReadFull(r.r, p); err != nil {
			return nil, err
		}
	}
	if len(p) < 2 || int(p[0])+1 >= len(p) {
		return nil, errors.New("a packet without payload")
	}
	return p[1 : len(p)-int(p[0])], nil
}

// next gives the next packet that says something.
func (r *raw) next() ([]byte, error) {
	for {
		p, err := r.take()
		if err != nil || p[0] != msgExtInfo && p[0] != msgIgnore && p[0] != msgDebug {
			return p, err
		}
	}
}

// greeted is a connection that has agreed on keys and may authenticate.
func greeted(t testing.TB, addr string, gcm bool) *raw {
	t.Helper()
	r := connect(t, addr)
	must(t, r.hello())
	must(t, r.exchange(gcm))
	must(t, r.send(text([]byte{msgServiceRequest}, "ssh-userauth")))
	if p, err := r.next(); err != nil || p[0] != msgServiceAccept {
		t.Fatalf("service: got %v, %v", p, err)
	}
	return r
}

// request is a USERAUTH_REQUEST without what the method adds.
func request(user, method string) []byte {
	return text(text(text([]byte{msgAuthRequest}, user), "ssh-connection"), method)
}

// offer asks whether a key would do.
func offer(user string, key ssh.PublicKey) []byte {
	return offerBlob(user, key.Type(), key.Marshal())
}

func offerBlob(user, algorithm string, blob []byte) []byte {
	return text(text(append(request(user, "publickey"), 0), algorithm), blob)
}

// prove signs in.
func (r *raw) prove(user string, key ssh.Signer) []byte {
	p := text(text(append(request(user, "publickey"), 1), key.PublicKey().Type()), key.PublicKey().Marshal())
	sig, err := key.Sign(rand.Reader, append(text(nil, r.session), p...))
	if err != nil {
		panic(err) // keys of tests sign
	}
	return text(p, ssh.Marshal(sig))
}

// ask sends a packet and gives the kind of the answer; 0 when the connection ended.
func (r *raw) ask(payload []byte) (kind byte, answer []byte) {
	if r.send(payload) != nil {
		return 0, nil
	}
	p, err := r.next()
	if err != nil {
		return 0, nil
	}
	return p[0], p
}

// ended says whether the server closes the connection within the time; what it still says is read.
func (r *raw) ended(within time.Duration) bool {
	_ = r.SetReadDeadline(time.Now().Add(within)) // a closed socket says so at the read
	_, err := io.Copy(io.Discard, r.r)
	var late net.Error
	return err == nil || !errors.As(err, &late) || !late.Timeout()
}
