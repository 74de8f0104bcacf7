package archive

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// An azureContainer is a container of Azure Blob Storage.
type azureContainer struct {
	*carrier
	client *container.Client
}

func openAzure(w where) (objects, error) {
	if w.account == "" {
		return nil, errors.New("name the account: azblob://container?account=NAME")
	}
	address := w.endpoint
	if address == "" {
		address = "https://" + w.account + ".blob.core.windows.net"
	}
	c := newCarrier()
	client, err := azureClient(w, address+"/"+w.container, &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: c, Retry: policy.RetryOptions{MaxRetries: 1},
	}})
	if err != nil {
		return nil, err
	}
	return &azureContainer{c, client}, nil
}

func azureClient(w where, address string, opts *container.ClientOptions) (*container.Client, error) {
	switch {
	case len(w.words) > 1:
		return nil, errors.New("credentials are the account's key or a SAS token, one word")
	case len(w.words) == 1 && strings.Contains(w.words[0], "sig="):
		return container.NewClientWithNoCredential(address+"?"+strings.TrimPrefix(w.words[0], "?"), opts)
	case len(w.words) == 1:
		key, err := azblob.NewSharedKeyCredential(w.account, w.words[0])
		if err != nil {
			return nil, errors.New("the account's key is not base64")
		}
		return container.NewClientWithSharedKeyCredential(address, key, opts)
	}
	chain, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return container.NewClient(address, chain, opts)
}

// put is one conditional Put Blob; Azure checks the MD5.
func (a *azureContainer) put(ctx context.Context, key string, data []byte) error {
	sum, any := md5.Sum(data), azcore.ETagAny
	_, err := a.client.NewBlockBlobClient(key).Upload(ctx, body{bytes.NewReader(data)}, &blockblob.UploadOptions{
		TransactionalValidation: azblob.TransferValidationTypeMD5(sum[:]),
		AccessConditions: &azblob.AccessConditions{
			ModifiedAccessConditions: &azblob.ModifiedAccessConditions{IfNoneMatch: &any},
		},
	})
	if err != nil {
		return fmt.Errorf("put %s: %w", key, explainAzure(err))
	}
	return nil
}

func (a *azureContainer) get(ctx context.Context, key string, most int64) ([]byte, error) {
	o, err := a.client.NewBlobClient(key).DownloadStream(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, explainAzure(err))
	}
	return take(key, o.Body, most)
}

func (a *azureContainer) folders(ctx context.Context, prefix string, found func(string) error) error {
	pages := a.client.NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{Prefix: &prefix})
	for l := (listing{prefix: prefix, found: found}); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, explainAzure(err))
		}
		if err := l.page(); err != nil {
			return err
		}
		if page.Segment == nil {
			continue
		}
		for _, p := range page.Segment.BlobPrefixes {
			if err := l.next(p.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

type body struct{ io.ReadSeeker }

func (body) Close() error { return nil }

func (a *azureContainer) destroy(ctx context.Context, key string) (n int, err error) {
	for range 4 { // a blob that is deleted can become a version; and what is written meanwhile
		items, err := a.versions(ctx, key)
		if err != nil || len(items) == 0 {
			return n, err
		}
		for _, it := range items {
			if err := a.remove(ctx, key, it); err != nil && !errors.Is(err, errLater) {
				return n, fmt.Errorf("delete %s: %w", key, err)
			} else if err == nil {
				n++
			}
		}
	}
	return n, fmt.Errorf("delete %s: there are versions of it again and again", key)
}

// errLater says that another deletion takes it along.
var errLater = errors.New("later")

// remove deletes one version. What Azure keeps after a deletion it gives up
// only where the account lets it be deleted for good.
func (a *azureContainer) remove(ctx context.Context, key string, it *container.BlobItem) error {
	c, opts := a.client.NewBlobClient(key), &azblob.DeleteOptions{}
	kept := it.Deleted != nil && *it.Deleted
	var err error
	switch base := it.Snapshot == nil || *it.Snapshot == ""; {
	case !base:
		c, err = c.WithSnapshot(*it.Snapshot)
	case it.VersionID != nil && (it.IsCurrentVersion == nil || !*it.IsCurrentVersion):
		c, err = c.WithVersionID(*it.VersionID)
	case kept:
		return errKept
	default:
		all := azblob.DeleteSnapshotsOptionTypeInclude
		opts.DeleteSnapshots = &all
	}
	if err != nil {
		return err
	}
	if kept {
		forGood := azblob.DeleteTypePermanent
		opts.BlobDeleteType = &forGood
	}
	if _, err := c.Delete(ctx, opts); err != nil {
		err = explainAzure(err)
		if kept {
			return fmt.Errorf("%w (%w)", errKept, err)
		}
		var r *refusal
		if errors.As(err, &r) && r.status == 404 {
			return errLater
		}
		return err
	}
	return nil
}

var errKept = errors.New("the account keeps what is deleted for some days, so the key can still be had: switch off soft delete of blobs, " +
	"or let deleted versions be deleted for good, wait until those days are over, and ask again")

// versions lists what there is of one blob: versions, snapshots, and what is deleted and kept.
func (a *azureContainer) versions(ctx context.Context, key string) (items []*container.BlobItem, err error) {
	pages := a.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
		Prefix: &key, Include: container.ListBlobsInclude{Snapshots: true, Versions: true, Deleted: true},
	})
	for n := 0; pages.More(); n++ {
		page, err := pages.NextPage(ctx)
		if err == nil && (n == 1000 || page.Segment == nil) {
			err = errors.New("the list has no end, or is none")
		}
		if err != nil {
			return nil, fmt.Errorf("list the versions of %s: %w", key, explainAzure(err))
		}
		for _, it := range page.Segment.BlobItems {
			if it.Name != nil && *it.Name == key {
				items = append(items, it)
			}
		}
	}
	return items, nil
}

// explainAzure says what an answer means, and what to do.
func explainAzure(err error) error {
	var re *azcore.ResponseError
	if !errors.As(err, &re) {
		return err
	}
	r := &refusal{status: re.StatusCode, code: re.ErrorCode}
	switch r.code {
	case "AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation":
		r.advice = "these are not the credentials of that account: see credentials= and account="
	case "AuthorizationFailure", "AuthorizationPermissionMismatch", "InsufficientAccountPermissions", "AuthorizationFailed":
		r.advice = `these are not the credentials of that account, or they may not write, read, list and delete versions there: ` +
			`give them "Storage Blob Data Owner" of the container, and let this machine's address in`
	case "ContainerNotFound":
		r.advice = "make the container, or write its name as it is"
	case "BlobImmutableDueToPolicy":
		r.advice = "an immutability policy keeps it: give the container none for a time, as keys must be destroyed when they are to be"
	case "BlobImmutableDueToLegalHold":
		r.advice = "a legal hold of the container is on it: lift it, and ask again"
	case "SnapshotsPresent", "OperationNotAllowedOnRootBlob":
		r.advice = "it has versions that cannot be deleted"
	}
	return r
}
