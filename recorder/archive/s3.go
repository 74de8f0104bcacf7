package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	keys "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

// An s3Bucket is a bucket of Amazon S3 or what speaks like it.
type s3Bucket struct {
	*carrier
	name   string
	client *s3.Client
}

func openS3(ctx context.Context, w where) (objects, error) {
	opts := []func(*config.LoadOptions) error{config.WithRetryMaxAttempts(2), config.WithLogger(logging.Nop{})}
	if w.region != "" {
		opts = append(opts, config.WithRegion(w.region))
	}
	switch len(w.words) {
	case 0:
	case 2, 3:
		words := append(w.words, "")
		opts = append(opts, config.WithCredentialsProvider(keys.NewStaticCredentialsProvider(words[0], words[1], words[2])))
	default:
		return nil, errors.New("credentials are an access key's id, its secret and perhaps a token, with blanks between")
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, errors.New("name the region: s3://bucket?region=eu-north-1")
	}
	c := newCarrier()
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.HTTPClient = c
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // we know what the hash must be
		if w.endpoint != "" {
			o.BaseEndpoint, o.UsePathStyle = aws.String(w.endpoint), !w.hosted
		}
	})
	return &s3Bucket{c, w.container, client}, nil
}

// put is one conditional PUT; S3 checks the SHA-256.
func (b *s3Bucket) put(ctx context.Context, key string, data []byte) error {
	sum := sha256.Sum256(data)
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
		IfNoneMatch: aws.String("*"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	})
	if err != nil {
		return fmt.Errorf("put %s: %w", key, explainS3(err))
	}
	return nil
}

func (b *s3Bucket) get(ctx context.Context, key string, most int64) ([]byte, error) {
	o, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, explainS3(err))
	}
	return take(key, o.Body, most)
}

func (b *s3Bucket) folders(ctx context.Context, prefix string, found func(string) error) error {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{
		Bucket: &b.name, Prefix: &prefix, Delimiter: aws.String("/"),
	}, func(o *s3.ListObjectsV2PaginatorOptions) { o.StopOnDuplicateToken = true })
	for l := (listing{prefix: prefix, found: found}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, explainS3(err))
		}
		if err := l.page(); err != nil {
			return err
		}
		for _, p := range page.CommonPrefixes {
			if err := l.next(p.Prefix); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *s3Bucket) destroy(ctx context.Context, key string) (n int, err error) {
	for range 3 { // what is written meanwhile, too
		ids, err := b.versions(ctx, key)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		for _, id := range ids {
			_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key, VersionId: &id})
			if err != nil {
				return n, fmt.Errorf("delete version %s of %s: %w", id, key, b.locked(ctx, key, id, err))
			}
			n++
		}
	}
	return n, fmt.Errorf("delete %s: there are versions of it again and again", key)
}

// versions lists what there is of one object, markers of its deletion too.
func (b *s3Bucket) versions(ctx context.Context, key string) (ids []string, err error) {
	pages := s3.NewListObjectVersionsPaginator(b.client, &s3.ListObjectVersionsInput{Bucket: &b.name, Prefix: &key})
	for n := 0; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		if err == nil && n == 1000 {
			err = errors.New("more than a million versions")
		}
		if err != nil {
			return nil, fmt.Errorf("list the versions of %s: %w", key, explainS3(err))
		}
		for _, v := range page.Versions {
			if aws.ToString(v.Key) == key {
				ids = append(ids, aws.ToString(v.VersionId))
			}
		}
		for _, v := range page.DeleteMarkers {
			if aws.ToString(v.Key) == key {
				ids = append(ids, aws.ToString(v.VersionId))
			}
		}
	}
	return ids, nil
}

// locked says of a version that could not be deleted whether a lock is why.
func (b *s3Bucket) locked(ctx context.Context, key, id string, why error) error {
	h, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key, VersionId: &id})
	switch {
	case err != nil:
	case h.ObjectLockLegalHoldStatus == "ON":
		return errors.New("a legal hold of the bucket is on it: lift it, and ask again")
	case h.ObjectLockMode != "":
		return fmt.Errorf("object lock (%s) keeps it until %s: %s",
			h.ObjectLockMode, aws.ToTime(h.ObjectLockRetainUntilDate).Format("2006-01-02 15:04"), noRetention)
	}
	l, err := b.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &b.name})
	if err == nil && l.ObjectLockConfiguration != nil && l.ObjectLockConfiguration.Rule != nil {
		return errors.New("the bucket locks every object for a time: " + noRetention)
	}
	return explainS3(why)
}

const noRetention = "give the bucket no default retention, as keys must be destroyed when they are to be"

// explainS3 says what an answer means, and what to do.
func explainS3(err error) error {
	var api interface {
		error
		ErrorCode() string
	}
	if !errors.As(err, &api) {
		return err
	}
	r := &refusal{code: api.ErrorCode()}
	var answer interface {
		error
		HTTPStatusCode() int
	}
	if errors.As(err, &answer) {
		r.status = answer.HTTPStatusCode()
	}
	if r.code == "NotFound" {
		r.code = "NoSuchKey" // of HEAD
	}
	switch r.code {
	case "AccessDenied", "Forbidden":
		r.advice = "allow s3:ListBucket, s3:ListBucketVersions, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:DeleteObjectVersion there"
	case "NoSuchBucket":
		r.advice = "make the bucket, or write its name as it is"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidClientTokenId":
		r.advice = "these are not the credentials of that account: see credentials=, or what AWS_PROFILE and AWS_ACCESS_KEY_ID give"
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		r.advice = "the bucket is in another region: see region="
	case "RequestTimeTooSkewed":
		r.advice = "this machine's clock is wrong"
	case "QuotaExceeded", "EntityTooLarge", "InsufficientStorage":
		r.advice = "it is full"
	}
	return r
}
