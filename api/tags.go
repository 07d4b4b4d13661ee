package api

import (
	"context"

	"acmd/core"
	"acmd/manager"
)

// tagOutput is a tag; one that was made without a value lists without it
// (wire facts §11).
type tagOutput struct {
	Key   string
	Value *string `json:",omitempty"`
}

type tagsOutput struct {
	Tags []tagOutput // present even when empty
}

// run is what an operation does.
type run = func(ctx context.Context, s Service, c manager.Caller, in *value) (any, error)

// tagsOf reads the Tags of an input.
func tagsOf(in *value) []core.Tag {
	var out []core.Tag
	for _, item := range in.itemsOf("Tags") {
		out = append(out, core.Tag{Key: item.textOf("Key"), Value: item.textOf("Value"), HasValue: item.child("Value") != nil})
	}
	return out
}

// addTags adds tags to the certificate that the given member names.
func addTags(member string) run {
	return func(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
		arn, err := arnOf(in, member)
		if err != nil {
			return nil, err
		}
		return nil, missing(s.AddTags(ctx, c, arn, tagsOf(in)), arn)
	}
}

// removeTags removes tags by key, or by key and value where a value is given.
func removeTags(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
	arn, err := arnOf(in, "CertificateArn")
	if err != nil {
		return nil, err
	}
	return nil, missing(s.RemoveTags(ctx, c, arn, tagsOf(in)), arn)
}

// untagResource removes tags by key.
func untagResource(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
	arn, err := arnOf(in, "ResourceArn")
	if err != nil {
		return nil, err
	}
	var tags []core.Tag
	for _, key := range in.textsOf("TagKeys") {
		tags = append(tags, core.Tag{Key: key})
	}
	return nil, missing(s.RemoveTags(ctx, c, arn, tags), arn)
}

// listTags answers with the tags of the certificate that the given member names.
func listTags(member string) run {
	return func(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
		arn, err := arnOf(in, member)
		if err != nil {
			return nil, err
		}
		tags, err := s.Tags(ctx, c, arn)
		if err != nil {
			return nil, missing(err, arn)
		}
		out := tagsOutput{Tags: make([]tagOutput, len(tags))}
		for i, t := range tags {
			out.Tags[i].Key = t.Key
			if t.HasValue {
				out.Tags[i].Value = &t.Value
			}
		}
		return out, nil
	}
}
