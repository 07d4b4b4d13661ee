package core_test

import (
	"errors"
	"testing"

	"acmd/core"
)

func TestParseCertificateArn(t *testing.T) {
	t.Parallel()
	const id = "12345678-1234-1234-1234-123456789abc"
	for in, want := range map[string]core.Arn{
		"arn:aws:acm:us-east-1:123456789012:certificate/" + id:            {"aws", "us-east-1", "123456789012", id},
		"arn:aws:acm:ap-southeast-2:000000000000:certificate/" + id:       {"aws", "ap-southeast-2", "000000000000", id},
		"arn:aws-cn:acm:cn-north-1:123456789012:certificate/" + id:        {"aws-cn", "cn-north-1", "123456789012", id},
		"arn:aws-us-gov:acm:us-gov-west-1:123456789012:certificate/" + id: {"aws-us-gov", "us-gov-west-1", "123456789012", id},
	} {
		got, err := core.ParseCertificateArn(in)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
		if got.String() != in || core.CertificateArn(want.Region, want.Account, want.ID) != in {
			t.Errorf("%s came back as %s and %s", in, got, core.CertificateArn(want.Region, want.Account, want.ID))
		}
	}
	for _, in := range []string{
		"", "arn", "arn:::::", id,
		"arn:aws:acm:us-east-1:123456789012:certificate/",
		"arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789ABC",
		"arn:aws:acm:us-east-1:123456789012:certificate/12345678123412341234123456789abc",
		"arn:aws:acm:us-east-1:123456789012:certificate/" + id + "/x",
		"arn:aws:acm:us-east-1:123456789012:certificate/" + id + "\n",
		"arn:aws:acm:us-east-1:123456789012:certificate/" + id + ":x",
		"arn:aws:acm:us-east-1:123456789012:certificate:" + id,
		"arn:aws:acm:us-east-1:123456789012:account/" + id,
		"arn:aws:acm:us-east-1:12345678901:certificate/" + id,
		"arn:aws:acm:us-east-1:1234567890123:certificate/" + id,
		"arn:aws:acm:us-east-1:12345678901a:certificate/" + id,
		"arn:aws:acm:us-east-1::certificate/" + id,
		"arn:aws:acm::123456789012:certificate/" + id,
		"arn:aws:acm:US-EAST-1:123456789012:certificate/" + id,
		"arn:aws:acm:useast1:123456789012:certificate/" + id,
		"arn:aws:acm:cn-north-1:123456789012:certificate/" + id,
		"arn:aws-cn:acm:us-east-1:123456789012:certificate/" + id,
		"arn:aws:acm-pca:us-east-1:123456789012:certificate/" + id,
		"ARN:aws:acm:us-east-1:123456789012:certificate/" + id,
	} {
		got, err := core.ParseCertificateArn(in)
		if got != (core.Arn{}) || !errors.Is(err, core.InvalidArn) || err.Error() != "Invalid ARN: "+in+" is not the ARN of a certificate." {
			t.Errorf("%q: %+v, %v; want core.InvalidArn", in, got, err)
		}
	}
}

func TestValidRegion(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"us-east-1": true, "ap-southeast-12": true, "us-gov-east-1": true, "us-iso-east-1": true,
		"": false, "us-east": false, "us-east-": false, "us-east-100": false, "us_east_1": false, "us-east-1a": false,
		"us-eeeeeeeeeeeeeeeeeeeeeeeeeeeee-1": false,
	} {
		if got := core.ValidRegion(in); got != want {
			t.Errorf("%q: %t", in, got)
		}
	}
}
