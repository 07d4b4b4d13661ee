package api

import "regexp"

// The shapes of the ACM model that more than one operation uses (wire facts §2).
var (
	arnShape = &shape{kind: kindText, min: 20, max: 2048, pattern: newPattern(
		`arn:[\w+=/,.@-]+:acm:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(/[\w+=,.@-]+)*`, "")}
	pcaArnShape = &shape{kind: kindText, min: 20, max: 2048, pattern: newPattern(
		`arn:[\w+=/,.@-]+:acm-pca:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(/[\w+=,.@-]+)*`, "")}
	// The model's look-aheads only keep a hyphen from beginning a label, which
	// can be said without them.
	domainShape = &shape{kind: kindText, min: 1, max: 253, pattern: newPattern(
		`(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])`,
		`(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]`)}
	tokenShape    = &shape{kind: kindText, min: 1, max: 32, pattern: newPattern(`\w+`, "")}
	tagPattern    = newPattern(`[\p{L}\p{Z}\p{N}_.:\/=+\-@]*`, "")
	tagKeyShape   = &shape{kind: kindText, min: 1, max: 128, pattern: tagPattern}
	tagValueShape = &shape{kind: kindText, max: 256, pattern: tagPattern}
	tagsShape     = &shape{kind: kindList, min: 1, max: 50, member: structure(
		need("Key", tagKeyShape), may("Value", tagValueShape))}
	nextTokenShape = &shape{kind: kindText, min: 1, max: 10000, pattern: newPattern(
		`[\u0009\u000A\u000D\u0020-\u00FF]*`, `[\x{09}\x{0A}\x{0D}\x{20}-\x{FF}]*`)}
	maxItemsShape = &shape{kind: kindNumber, min: 1, max: maxPage}

	methodShape       = enum("EMAIL", "DNS", "HTTP")
	keyAlgorithmShape = enum("RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1")
	managedByShape    = enum("CLOUDFRONT")
	enabledShape      = enum("ENABLED", "DISABLED")
	statusShape       = enum("PENDING_VALIDATION", "ISSUED", "INACTIVE", "EXPIRED", "VALIDATION_TIMED_OUT", "REVOKED", "FAILED")
	originShape       = enum("AWS_MANAGED", "ACME", "CUSTOMER_PROVIDED")
	keyUsageShape     = enum("DIGITAL_SIGNATURE", "NON_REPUDIATION", "KEY_ENCIPHERMENT", "DATA_ENCIPHERMENT", "KEY_AGREEMENT",
		"CERTIFICATE_SIGNING", "CRL_SIGNING", "ENCIPHER_ONLY", "DECIPHER_ONLY", "ANY", "CUSTOM")
	extendedKeyUsageShape = enum("TLS_WEB_SERVER_AUTHENTICATION", "TLS_WEB_CLIENT_AUTHENTICATION", "CODE_SIGNING", "EMAIL_PROTECTION",
		"TIME_STAMPING", "OCSP_SIGNING", "IPSEC_END_SYSTEM", "IPSEC_TUNNEL", "IPSEC_USER", "ANY", "NONE", "CUSTOM")
)

// The inputs of the operations.
var (
	certificateInput = structure(need("CertificateArn", arnShape))
	resourceInput    = structure(need("ResourceArn", arnShape))

	certificateTagsInput = structure(need("CertificateArn", arnShape), need("Tags", tagsShape))
	resourceTagsInput    = structure(need("ResourceArn", arnShape), need("Tags", tagsShape))
	untagInput           = structure(need("ResourceArn", arnShape), need("TagKeys", &shape{kind: kindList, min: 1, max: 50, member: tagKeyShape}))

	requestInput = structure(
		need("DomainName", domainShape),
		may("ValidationMethod", methodShape),
		may("SubjectAlternativeNames", &shape{kind: kindList, min: 1, max: 100, member: domainShape}),
		may("IdempotencyToken", tokenShape),
		may("DomainValidationOptions", &shape{kind: kindList, min: 1, max: 100, member: structure(
			need("DomainName", domainShape), need("ValidationDomain", domainShape))}),
		may("Options", structure(
			may("CertificateTransparencyLoggingPreference", enabledShape), may("Export", enabledShape), may("ValidationMethod", methodShape))),
		may("CertificateAuthorityArn", pcaArnShape),
		may("Tags", tagsShape),
		may("KeyAlgorithm", keyAlgorithmShape),
		may("ManagedBy", managedByShape),
	)

	listInput = structure(
		may("CertificateStatuses", listOf(statusShape)),
		may("CertificateKeyPairOrigins", listOf(originShape)),
		may("Includes", structure(
			may("extendedKeyUsage", listOf(extendedKeyUsageShape)),
			may("keyUsage", listOf(keyUsageShape)),
			may("keyTypes", listOf(keyAlgorithmShape)),
			may("exportOption", enabledShape),
			may("managedBy", managedByShape))),
		may("NextToken", nextTokenShape),
		may("MaxItems", maxItemsShape),
		may("SortBy", enum("CREATED_AT")),
		may("SortOrder", enum("ASCENDING", "DESCENDING")),
	)

	domainValidationsInput = structure(
		need("CertificateArn", arnShape), may("NextToken", nextTokenShape), may("MaxItems", maxItemsShape))
)

func structure(fields ...field) *shape { return &shape{kind: kindStructure, fields: fields} }
func need(name string, s *shape) field { return field{name, s, true} }
func may(name string, s *shape) field  { return field{name, s, false} }
func enum(values ...string) *shape     { return &shape{kind: kindText, enum: values} }
func listOf(s *shape) *shape           { return &shape{kind: kindList, member: s} }

// newPattern takes the model's text and, where Go's syntax is another, an
// expression that matches the same.
func newPattern(text, same string) *pattern {
	if same == "" {
		same = text
	}
	return &pattern{text, regexp.MustCompile(`^(?:` + same + `)$`)}
}
