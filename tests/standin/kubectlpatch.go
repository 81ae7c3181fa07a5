package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
)

// kubectl patch, and kubectl apply --server-side.

// patch merges a change into an object; what kubectl would send by default, a strategic merge, is not played.
func (k *kubectl) patch() error {
	one, name, _, err := k.target()
	if err != nil {
		return err
	}
	text := []byte(k.patchText)
	if k.patchFile != "" {
		if text, err = os.ReadFile(k.patchFile); err != nil {
			return fmt.Errorf("error: unable to read patch file: %w", err)
		}
	}
	switch {
	case len(text) == 0:
		return errors.New("error: must specify --patch or --patch-file containing the contents of the patch")
	case k.patchType != "merge":
		return errors.New("error: the stand-in plays --type=merge only")
	}
	var change object
	if err := json.Unmarshal(text, &change); err != nil {
		return fmt.Errorf("error: unable to parse %q: %w", text, err)
	}
	after, err := k.client.do(http.MethodPatch, one.path(k.namespace, name), change)
	if err != nil {
		return err
	}
	fmt.Printf("%s patched\n", objectName(after))
	return nil
}

func (k *kubectl) applyServerSide() error {
	k.client.headers = map[string]string{"Content-Type": applyPatchType}
	query := url.Values{"fieldManager": {"kubectl"}, "force": {"true"}}
	return k.eachManifest(func(one *kind, namespace string, obj object) error {
		if _, err := k.client.do(http.MethodPatch, one.path(namespace, nameOf(obj))+"?"+query.Encode(), obj); err != nil {
			return err
		}
		fmt.Printf("%s serverside-applied\n", objectName(obj))
		return nil
	})
}
