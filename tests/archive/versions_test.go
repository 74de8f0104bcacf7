package archive

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"lockbox/recorder/archive"
)

func TestDestroyTakesEveryVersion(t *testing.T) {
	p := newS3(t)
	c := p.client(t)
	_, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String("rec"),
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	must(t, err)
	w := newWorld(t, p.url("", p.secret))
	w.run(t)
	id := w.record(t)
	w.stored(t, id)
	key := "some/prefix/" + w.folder(t, id) + "/key.age"
	text := w.content(t, id)["key.age"]
	p.put(t, key, []byte(text)) // a second version
	_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("rec"), Key: &key})
	must(t, err) // and a marker: nobody sees the versions now
	copies, err := w.Destroy(t.Context(), id)
	must(t, err)
	if !strings.Contains(strings.Join(copies, ";"), "3 of the object and its versions") {
		t.Errorf("got %q", copies)
	}
	list, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String("rec"), Prefix: &key})
	must(t, err)
	if len(list.Versions)+len(list.DeleteMarkers) > 0 {
		t.Errorf("still there: %+v %+v", list.Versions, list.DeleteMarkers)
	}
}

func TestALockThatForbidsItIsNamed(t *testing.T) {
	p := newS3(t)
	p.makeBucket(t, true)
	c := p.client(t)
	url := strings.Replace(p.url("", p.secret), "://rec/", "://locked/", 1)
	w := newWorld(t, url)
	w.run(t)
	id := w.record(t)
	w.stored(t, id)
	key := "some/prefix/" + w.folder(t, id) + "/key.age"
	_, err := c.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{Bucket: aws.String("locked"), Key: &key,
		Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeCompliance, RetainUntilDate: aws.Time(time.Now().Add(time.Hour))}})
	must(t, err)
	_, err = w.Destroy(t.Context(), id)
	if err == nil || !strings.Contains(err.Error(), "object lock (COMPLIANCE) keeps it until") {
		t.Errorf("got %v", err)
	}
	_, err = c.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{Bucket: aws.String("locked"),
		ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeCompliance, Days: aws.Int32(1)}}}})
	must(t, err)
	if _, err := archive.OpenStore(t.Context(), url); err == nil || !strings.Contains(err.Error(), "no default retention") {
		t.Errorf("a bucket that locks everything: got %v", err)
	}
}

func TestDestroyTakesSnapshots(t *testing.T) {
	p := newAzure(t)
	w := newWorld(t, p.url("", p.secret))
	w.run(t)
	id := w.record(t)
	w.stored(t, id)
	key := "some/prefix/" + w.folder(t, id) + "/key.age"
	for range 2 {
		_, err := p.container(t).NewBlobClient(key).CreateSnapshot(t.Context(), nil)
		must(t, err)
	}
	_, err := w.Destroy(t.Context(), id)
	must(t, err)
	if p.get(t, key) != "" {
		t.Error("it is still there")
	}
}

func TestAStoreThatOnlyReadsIsNamed(t *testing.T) {
	p := newS3(t)
	w := newWorld(t, p.url("", p.secret))
	id := w.record(t)
	p.stop(t)
	args := p.args
	p.args = append([]string{args[0], "--readonly"}, args[1:]...)
	p.start(t)
	if _, err := archive.OpenStore(t.Context(), p.url("", p.secret)); err == nil || !strings.Contains(err.Error(), "allow s3:") {
		t.Errorf("at the start: got %v", err)
	}
	w.run(t)
	until(t, "it is told", func() bool { return strings.Contains(w.reports(), "AccessDenied") })
	p.stop(t)
	p.args = args
	p.start(t)
	w.stored(t, id)
}
