package proof_test

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"lockbox/recorder/proof"
)

func tarOf(t testing.TB, hs ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range hs {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		must(w.Write(bytes.Repeat([]byte("x"), int(h.Size))))(t)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestATarLeadsNowhereElse(t *testing.T) {
	plain := tarOf(t, tar.Header{Name: "checkpoint", Size: 5})
	at := func(b []byte, i int, v byte) []byte { b = bytes.Clone(b); b[i] = v; return b }
	for _, tt := range []struct {
		name string
		tar  []byte
		want string
	}{
		{"a plain file", plain, ""},
		{"folders first", tarOf(t, tar.Header{Name: "./", Typeflag: tar.TypeDir}, tar.Header{Name: "./tile/", Typeflag: tar.TypeDir}, tar.Header{Name: "./tile/0/000", Size: 1}), ""},
		{"folders last", tarOf(t, tar.Header{Name: "tile/0/000", Size: 1}, tar.Header{Name: "tile/", Typeflag: tar.TypeDir}), ""},
		{"no end", plain[:1024], ""},
		{"nothing", nil, ""},
		{"one name twice", tarOf(t, tar.Header{Name: "a", Size: 1}, tar.Header{Name: "./a", Size: 1}), "twice"},
		{"a file that is a folder", tarOf(t, tar.Header{Name: "a", Size: 1}, tar.Header{Name: "a/b", Size: 1}), "twice"},
		{"a folder that is a file", tarOf(t, tar.Header{Name: "a/b", Size: 1}, tar.Header{Name: "a", Size: 1}), "twice"},
		{"out of it", tarOf(t, tar.Header{Name: "../a", Size: 1}), "no name inside"},
		{"out of it by a detour", tarOf(t, tar.Header{Name: "tile/../../a", Size: 1}), "no name inside"},
		{"an absolute name", tarOf(t, tar.Header{Name: "/etc/passwd", Size: 1}), "no name inside"},
		{"an empty part", tarOf(t, tar.Header{Name: "tile//000", Size: 1}), "no name inside"},
		{"the folder itself as a file", tarOf(t, tar.Header{Name: ".", Size: 1}), "twice"},
		{"a long name", tarOf(t, tar.Header{Name: strings.Repeat("a", 300), Size: 1}), "no name inside"},
		{"a link", tarOf(t, tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), "neither a plain file"},
		{"a hard link", tarOf(t, tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "b"}), "neither a plain file"},
		{"a device", tarOf(t, tar.Header{Name: "a", Typeflag: tar.TypeChar}), "neither a plain file"},
		{"something in the gap behind a file", at(plain, 512+5, 'x'), "something where nothing"},
		{"something behind the end", append(bytes.Clone(plain), "x"...), "something where nothing"},
		{"much behind the end", append(bytes.Clone(plain), make([]byte, 2<<20)...), "bytes more"},
		{"cut in a file", plain[:514], "read the tar"},
		{"cut in a header", plain[:300], "read the tar"},
		{"a header that was edited", at(plain, 0, 'k'), "read the tar"},
		{"no tar", []byte(strings.Repeat("hello ", 200)), "read the tar"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := proof.Tar(bytes.NewReader(tt.tar), int64(len(tt.tar)))
			fails(t, err, tt.want)
		})
	}
}

func TestATarDoesNotClaimMoreThanItHas(t *testing.T) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: "tile/entries/000", Size: 1 << 50, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	must(w.Write(make([]byte, 1024)))(t)
	_, err := proof.Tar(bytes.NewReader(out.Bytes()), int64(out.Len()))
	fails(t, err, "read the tar")
}
