package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// apiClient speaks to one server, with a client certificate or a name and password.
type apiClient struct {
	base     string
	http     *http.Client
	user     string
	password string
	headers  map[string]string
}

const clientTimeout = 10 * time.Second

func newClient(base string, tlsConfig *tls.Config) *apiClient {
	transport := &http.Transport{TLSClientConfig: tlsConfig, TLSHandshakeTimeout: clientTimeout}
	return &apiClient{base: base, http: &http.Client{Transport: transport, Timeout: clientTimeout}}
}

// trusting accepts servers that the given CA signed; no certificates means that any server will do.
func trusting(caPEM []byte, certificates ...tls.Certificate) *tls.Config {
	if caPEM == nil {
		return &tls.Config{InsecureSkipVerify: true}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(caPEM)
	return &tls.Config{RootCAs: roots, Certificates: certificates, MinVersion: tls.VersionTLS12}
}

// raw sends a request and returns the body of a 2xx answer; other answers become an apiError.
func (c *apiClient) raw(method, path string, body interface{}) ([]byte, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(mustJSON(body))
	}
	req, err := http.NewRequest(method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", mergePatchType)
	}
	for name, value := range c.headers {
		req.Header.Set(name, value)
	}
	if c.user != "" {
		req.SetBasicAuth(c.user, c.password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, errorFrom(resp, answer)
	}
	return answer, nil
}

func errorFrom(resp *http.Response, answer []byte) error {
	var status struct{ Reason, Message string }
	if json.Unmarshal(answer, &status) != nil || status.Message == "" {
		status.Reason, status.Message = "Unknown", resp.Status
	}
	return &apiError{resp.StatusCode, status.Reason, status.Message}
}

func (c *apiClient) do(method, path string, body interface{}) (object, error) {
	answer, err := c.raw(method, path, body)
	if err != nil {
		return nil, err
	}
	var obj object
	return obj, json.Unmarshal(answer, &obj)
}
