package core

import (
	"fmt"
	"regexp"
	"strings"
)

// Arn is the parsed ARN of a certificate.
type Arn struct {
	Partition string // aws, aws-cn, aws-us-gov
	Region    string
	Account   string // twelve digits
	ID        string // lower-case UUID
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	uuidPattern    = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// ValidAccount reports whether s is an AWS account id: twelve digits.
func ValidAccount(s string) bool { return accountPattern.MatchString(s) }

// ValidRegion reports whether s has the form of an AWS region name.
func ValidRegion(s string) bool { return len(s) <= 32 && regionPattern.MatchString(s) }

// Partition is the ARN partition that a region belongs to.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "us-iso-"):
		return "aws-iso"
	case strings.HasPrefix(region, "us-isob-"):
		return "aws-iso-b"
	case strings.HasPrefix(region, "eusc-"):
		return "aws-eusc"
	}
	return "aws"
}

// CertificateArn builds the ARN of the certificate with that UUID.
func CertificateArn(region, account, id string) string {
	return Arn{Partition(region), region, account, id}.String()
}

// String is the ARN as text.
func (a Arn) String() string {
	return fmt.Sprintf("arn:%s:acm:%s:%s:certificate/%s", a.Partition, a.Region, a.Account, a.ID)
}

// ParseCertificateArn reads a certificate's ARN. What is not one is InvalidArn.
func ParseCertificateArn(s string) (Arn, error) {
	bad := &Error{InvalidArn, fmt.Sprintf("Invalid ARN: %s is not the ARN of a certificate.", s)}
	f := strings.Split(s, ":")
	if len(f) != 6 || f[0] != "arn" || f[2] != "acm" {
		return Arn{}, bad
	}
	id, ok := strings.CutPrefix(f[5], "certificate/")
	a := Arn{Partition: f[1], Region: f[3], Account: f[4], ID: id}
	if !ok || !ValidAccount(a.Account) || !ValidRegion(a.Region) || a.Partition != Partition(a.Region) || !uuidPattern.MatchString(id) {
		return Arn{}, bad
	}
	return a, nil
}
