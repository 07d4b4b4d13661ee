package api

import (
	"bytes"
	"context"
	"encoding/pem"

	"acmd/manager"
)

type getOutput struct {
	Certificate      string
	CertificateChain string
}

// getCertificate answers with the leaf and, apart, its chain: issuer first, up
// to the root (wire facts §6).
func getCertificate(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
	arn, err := arnOf(in, "CertificateArn")
	if err != nil {
		return nil, err
	}
	leaf, err := s.Certificate(ctx, c, arn)
	if err != nil {
		return nil, missing(err, arn)
	}
	chain := leaf.Chain
	if len(chain) == 0 {
		// A self-signed import: the member is there all the same.
		chain = [][]byte{leaf.DER}
	}
	return getOutput{encodePEM(leaf.DER), encodePEM(chain...)}, nil
}

// encodePEM writes certificates as PEM with 64-character lines.
func encodePEM(ders ...[]byte) string {
	var b bytes.Buffer
	for _, der := range ders {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return b.String()
}

// deleteCertificate removes a certificate and its key.
func deleteCertificate(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
	arn, err := arnOf(in, "CertificateArn")
	if err != nil {
		return nil, err
	}
	return nil, missing(s.Delete(ctx, c, arn), arn)
}
