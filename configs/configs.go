// Package configs is the whole configuration of `acmd serve` as one documented
// struct, with its example file (Example) and the Prometheus rules beside it.
//
// It trusts nothing in the file: unknown and duplicate keys, a second document
// and every value out of bounds are refused, all mistakes at once, each with its
// key. It never dials, never opens a file that the configuration names, never
// builds an object and knows no other package of acmd; cmd translates. It holds
// no secret: secrets are named by Path.
package configs

import (
	_ "embed"
	"net/netip"
	"time"
)

// Example is the annotated example file: complete, valid, with every default
// spelled out.
//
//go:embed acmd.example.yaml
var Example string

// NameServer is one authoritative name server of the validation zone.
type NameServer struct {
	// Host is the name in the NS record: lower case, no trailing dot.
	Host string `yaml:"host"`
	// Addresses are served as the host's A and AAAA records. A host inside the
	// zone needs at least one; one outside may have none.
	Addresses []netip.Addr `yaml:"addresses"`
}

// Config is the configuration of `acmd serve`. Domain names are written in lower
// case without a trailing dot, addresses to listen on as host:port with an empty
// host for all interfaces, files as absolute paths. Keys that begin with
// insecure_ give up a protection and are false by default.
type Config struct {
	// StateDir is the folder that `acmd init` filled. The daemon refuses to start
	// when it finds no state in it. Default /var/lib/acmd.
	StateDir string `yaml:"state_dir"`

	// Account is the AWS account, twelve digits, that `acmd principal add` assumes
	// without --account. Empty: the flag must be given. Quote it in the file.
	Account string `yaml:"account"`

	// Store is where the state lives.
	Store struct {
		// DSN is "sqlite:" and an absolute path, or a postgres:// URL without a
		// password. Default sqlite:<state_dir>/acmd.db.
		DSN string `yaml:"dsn"`
		// PasswordFile holds PostgreSQL's password; one newline at its end is ignored.
		PasswordFile Path `yaml:"password_file"`
		// InsecureTransport lets a postgres:// URL reach another host without
		// sslmode=verify-full: whoever is on the way can read and change the state.
		InsecureTransport bool `yaml:"insecure_transport"`
	} `yaml:"store"`

	// Keys seal what must not lie in the state in plaintext.
	Keys struct {
		// Master is the file of the master key: 32 octets, raw, hex or base64. Required.
		Master Path `yaml:"master"`
	} `yaml:"keys"`

	// CA is the embedded certification authority.
	CA struct {
		// Chain is a PEM file: the issuing CA first, the root last. With Key it
		// replaces the CA that `acmd init` made in <state_dir>/ca.
		Chain Path `yaml:"chain"`
		// Key is the PEM file (PKCS#8) of the issuing CA's private key.
		Key Path `yaml:"key"`
		// Validity of a certificate, 1 h to 398 d. Default 198d (standards 1.52).
		Validity Duration `yaml:"validity"`
		// BaseURL is the http:// URL without a final slash under which strangers
		// reach http.listen; it goes into certificates (AIA, CRL). Empty: neither does.
		BaseURL string `yaml:"base_url"`
		// PolicyOID is the certificate policy of a leaf, dotted. Empty: the CA's default.
		PolicyOID string `yaml:"policy_oid"`
		// CAAIssuers are the names that mean this CA in a CAA record (RFC 8659).
		// Default: dns.zone.
		CAAIssuers []string `yaml:"caa_issuers"`
	} `yaml:"ca"`

	// DNS is the server of the validation zone.
	DNS struct {
		// Listen is where UDP and TCP are served. Default :53.
		Listen []string `yaml:"listen"`
		// Zone is the validation zone, delegated to NameServers by its parent. Required.
		Zone string `yaml:"zone"`
		// NameServers are the zone's NS records. At least one.
		NameServers []NameServer `yaml:"name_servers"`
		// Hostmaster is the mail address in the SOA record. Default hostmaster@<zone>.
		Hostmaster string `yaml:"hostmaster"`
	} `yaml:"dns"`

	// API is the ACM API, always TLS.
	API struct {
		// Listen is where HTTPS is served. Default :8420.
		Listen []string `yaml:"listen"`
		// TLS is where its certificate comes from: either Names, or Certificate and Key.
		TLS struct {
			// Names: acmd issues itself a certificate for these, and renews it.
			Names []string `yaml:"names"`
			// Certificate is a PEM file with the chain, leaf first.
			Certificate Path `yaml:"certificate"`
			// Key is the PEM file of the certificate's private key.
			Key Path `yaml:"key"`
		} `yaml:"tls"`
		// Skew is how far a caller's clock may be off, 1 to 15 minutes (standards
		// 6.12). Default 5m.
		Skew Duration `yaml:"skew"`
	} `yaml:"api"`

	// HTTP serves CRLs and CA certificates to strangers, in the clear as RFC 5280
	// has it.
	HTTP struct {
		// Listen; an empty list switches it off. Default :80.
		Listen []string `yaml:"listen"`
	} `yaml:"http"`

	// Metrics serves /metrics, /livez and /readyz, in the clear.
	Metrics struct {
		// Listen; an empty list switches it off. Default 127.0.0.1:9420.
		Listen []string `yaml:"listen"`
		// InsecureRemote allows addresses that are not loopback.
		InsecureRemote bool `yaml:"insecure_remote"`
	} `yaml:"metrics"`

	// Validator looks at the customers' records.
	Validator struct {
		// Resolvers are recursive resolvers, address:port, at least one. Not this
		// server's own dns.listen.
		Resolvers []string `yaml:"resolvers"`
		// Timeout of one question, 100 ms to 30 s. Default 5s.
		Timeout Duration `yaml:"timeout"`
		// RequireDNSSEC wants a resolver that validates (standards group 1D, 1E);
		// a bogus answer never counts. Default true.
		RequireDNSSEC bool `yaml:"require_dnssec"`
		// InsecureTrustRemoteAD believes the AD bit of a resolver that is not on
		// loopback: whoever is on the way can forge it.
		InsecureTrustRemoteAD bool `yaml:"insecure_trust_remote_ad"`
		// Allow lists prefixes of private or special addresses that questions to a
		// zone's own name servers may go to (standards 5.2). Default none.
		Allow []netip.Prefix `yaml:"allow"`
	} `yaml:"validator"`

	// Names is which names certificates are issued for, besides public ones.
	Names struct {
		// Allow lists internal or special-use names that are yours, each with all
		// below it.
		Allow []string `yaml:"allow"`
		// InsecureAllowAny issues for every name except a public suffix.
		InsecureAllowAny bool `yaml:"insecure_allow_any"`
	} `yaml:"names"`

	// Limits are the quotas.
	Limits struct {
		// Certificates an account may have in a region, 1 to 10,000,000. Default 2500.
		Certificates int `yaml:"certificates"`
		// NamesPerCertificate, 1 to 100. Default 10.
		NamesPerCertificate int `yaml:"names_per_certificate"`
	} `yaml:"limits"`

	// Log goes to standard error.
	Log struct {
		// Level is debug, info, warn or error. Default info. SIGHUP reads it anew.
		Level string `yaml:"level"`
		// Format is json or console. Default json.
		Format string `yaml:"format"`
	} `yaml:"log"`
}

// Default is the configuration before a file is read. It is not valid by itself:
// some keys have no default that could be right.
func Default() Config {
	var c Config
	c.StateDir = "/var/lib/acmd"
	c.CA.Validity = Duration(198 * 24 * time.Hour)
	c.DNS.Listen = []string{":53"}
	c.API.Listen = []string{":8420"}
	c.API.Skew = Duration(5 * time.Minute)
	c.HTTP.Listen = []string{":80"}
	c.Metrics.Listen = []string{"127.0.0.1:9420"}
	c.Validator.Timeout = Duration(5 * time.Second)
	c.Validator.RequireDNSSEC = true
	c.Limits.Certificates = 2500
	c.Limits.NamesPerCertificate = 10
	c.Log.Level = "info"
	c.Log.Format = "json"
	return c
}

// derive fills the defaults that follow from other keys.
func (c *Config) derive() {
	if c.Store.DSN == "" {
		c.Store.DSN = "sqlite:" + c.StateDir + "/acmd.db"
	}
	if c.DNS.Zone == "" {
		return
	}
	if len(c.CA.CAAIssuers) == 0 {
		c.CA.CAAIssuers = []string{c.DNS.Zone}
	}
	if c.DNS.Hostmaster == "" {
		c.DNS.Hostmaster = "hostmaster@" + c.DNS.Zone
	}
}
