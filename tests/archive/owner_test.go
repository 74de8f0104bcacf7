package archive

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// client is S3 without the code that is tried.
func (p *place) client(t *testing.T) *s3.Client {
	t.Helper()
	words := strings.Fields(read(t, p.secret))
	return s3.New(s3.Options{
		Region: region, BaseEndpoint: aws.String("http://" + p.addr), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(words[0], words[1], ""),
	})
}

func (p *place) makeBucket(t *testing.T, lock bool) {
	t.Helper()
	in := &s3.CreateBucketInput{Bucket: aws.String(bucketOf(lock)), ObjectLockEnabledForBucket: aws.Bool(lock),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}}
	if _, err := p.client(t).CreateBucket(context.Background(), in); err != nil {
		t.Fatal(err)
	}
}

func bucketOf(lock bool) string {
	if lock {
		return "locked"
	}
	return "rec"
}

// container is Azure without the code that is tried.
func (p *place) container(t *testing.T) *container.Client {
	t.Helper()
	key, err := container.NewSharedKeyCredential(azureAccount, strings.TrimSpace(read(t, p.secret)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := container.NewClientWithSharedKeyCredential("http://"+p.addr+"/"+azureAccount+"/rec", key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// put writes an object over whatever there is.
func (p *place) put(t *testing.T, key string, data []byte) {
	t.Helper()
	var err error
	if p.scheme == "s3" {
		_, err = p.client(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("rec"), Key: &key, Body: bytes.NewReader(data)})
	} else {
		_, err = p.container(t).NewBlockBlobClient(key).UploadBuffer(t.Context(), data, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// get reads an object; "" where there is none.
func (p *place) get(t *testing.T, key string) string {
	t.Helper()
	var body io.ReadCloser
	if p.scheme == "s3" {
		out, err := p.client(t).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("rec"), Key: &key})
		if err != nil {
			return ""
		}
		body = out.Body
	} else {
		out, err := p.container(t).NewBlobClient(key).DownloadStream(t.Context(), &azblob.DownloadStreamOptions{})
		if err != nil {
			return ""
		}
		body = out.Body
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
